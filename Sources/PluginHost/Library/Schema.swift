package import Basics

/// Checks configuration against the schema in a manifest (plugin.h) and fills in its defaults.
package enum Schema {
    /// The types a key may have.
    static let types = [
        "string", "bool", "int", "float", "duration", "list(string)", "map(string)", "any", "block", "list(block)",
    ]
    /// Blocks within blocks at most.
    static let depthMax = 16

    /// What is wrong with a configuration, and where in it.
    package struct Fault: Error, Equatable {
        package enum Reason: Equatable, Sendable {
            case unknownKey(String, allowed: [String])
            case missingKey(String, allowed: [String])
            case value(String)
        }

        /// From the outermost block inwards; blocks of a list as `mount[1]`.
        package private(set) var path: [String] = []
        package let reason: Reason

        init(reason: Reason) { self.reason = reason }

        /// The faulty key with all it lies in, such as `exec_command.run_for`; empty for the configuration itself.
        package var key: String {
            switch reason {
            case .unknownKey(let key, _), .missingKey(let key, _): (path + [key]).joined(separator: ".")
            case .value: path.joined(separator: ".")
            }
        }

        /// What is wrong, for readers who know ``key``.
        package var text: String {
            switch reason {
            case .unknownKey(_, let allowed): "unknown key; allowed: \(Fault.list(allowed))"
            case .missingKey(_, let allowed): "required, but absent; allowed: \(Fault.list(allowed))"
            case .value(let text): text
            }
        }

        fileprivate static func list(_ keys: [String]) -> String {
            keys.isEmpty ? "none" : keys.sorted().joined(separator: ", ")
        }

        fileprivate func error(in what: String) -> PluginError {
            let text =
                switch reason {
                case .unknownKey(let key, let allowed): "unknown key \"\(key)\"; allowed: \(Fault.list(allowed))"
                case .missingKey(let key, _): "\"\(key)\" is required"
                case .value(let text): text
                }
            return PluginError(.invalid, ([what] + path + [text]).joined(separator: ": "))
        }

        /// The same fault one block further out; the position in a list is part of the list's step.
        func inside(_ step: String) -> Fault {
            var outer = self
            if outer.path.first?.hasPrefix("[") == true {
                outer.path[0] = step + outer.path[0]
            } else {
                outer.path.insert(step, at: 0)
            }
            return outer
        }
    }

    /// The configuration as the plug-in gets it: defaults filled in, durations as nanoseconds, single blocks as objects.
    ///
    /// `what` names the configuration in messages, such as `plugin "raw_exec"`. Throws ``PluginError/Code/invalid`` naming the
    /// key, and the allowed keys or the type.
    package static func apply(_ schema: JSON?, to config: JSON, what: String) throws(PluginError) -> JSON {
        guard let keys = schema?.object else { return config }
        do throws(Fault) {
            return try Check(isInterpolated: true).block(config, keys)
        } catch {
            throw error.error(in: what)
        }
    }

    /// What is wrong with a task's configuration that is still to be interpolated: text with `${` in it may become anything.
    package static func fault(in config: JSON, by schema: JSON) -> Fault? {
        guard let keys = schema.object else { return nil }
        do throws(Fault) {
            _ = try Check(isInterpolated: false).block(config, keys)
            return nil
        } catch {
            return error
        }
    }

    /// The schema without its texts for people: all that a check needs.
    package static func withoutTexts(_ schema: JSON) -> JSON {
        guard let keys = schema.object else { return schema }
        return .object(
            keys.members.map { key, rule in
                let members = (rule.object?.members ?? []).filter { $0.key != "doc" }
                return (key, .object(members.map { ($0.key, $0.key == "keys" ? withoutTexts($0.value) : $0.value) }))
            })
    }

    /// Checks that `schema` itself is well formed.
    static func checkForm(_ schema: JSON, path: String, depth: Int = 0) throws(PluginError) {
        guard let keys = schema.object else { throw wrong(path, "a schema is an object, got \(schema.kindName)") }
        guard depth < depthMax else { throw wrong(path, "blocks nested deeper than \(depthMax)") }
        for (key, rule) in keys.members {
            guard let type = rule["type"]?.string, types.contains(type) else {
                throw wrong("\(path).\(key)", "\"type\" must be one of \(types.joined(separator: ", "))")
            }
            if type == "block" || type == "list(block)" {
                try checkForm(rule["keys"] ?? .object([]), path: "\(path).\(key).keys", depth: depth + 1)
            }
        }
    }

    private static func wrong(_ path: String, _ reason: String) -> PluginError {
        PluginError(.invalid, "\(path): \(reason)")
    }
}
