package import Basics

/// Checks configuration against the schema in a manifest (plugin.h) and fills in its defaults.
package enum Schema {
    /// The types a key may have.
    static let types = [
        "string", "bool", "int", "float", "duration", "list(string)", "map(string)", "any", "block", "list(block)",
    ]
    /// Blocks within blocks at most.
    static let depthMax = 16

    /// The configuration as the plug-in gets it: defaults filled in, durations as nanoseconds, single blocks as objects.
    ///
    /// `what` names the configuration in messages, such as `plugin "raw_exec"`. Throws ``PluginError/Code/invalid`` naming the
    /// key, and the allowed keys or the type.
    package static func apply(_ schema: JSON?, to config: JSON, what: String) throws(PluginError) -> JSON {
        guard let schema, let keys = schema.object else { return config }
        return try block(config, keys, path: what)
    }

    private static func block(_ value: JSON, _ schema: JSONObject, path: String) throws(PluginError) -> JSON {
        guard let given = value.object else { throw wrong(path, "expected an object, got \(value.kindName)") }
        if let unknown = given.keys.first(where: { schema[$0] == nil }) {
            let allowed = schema.keys.sorted().joined(separator: ", ")
            throw wrong(path, "unknown key \"\(unknown)\"; allowed: \(allowed.isEmpty ? "none" : allowed)")
        }
        var result = JSONObject()
        for (key, rule) in schema.members {
            let inner = "\(path): \(key)"
            if let value = given[key], !value.isNull {
                result.append(key, try check(value, rule, path: inner))
            } else if let standard = rule["default"], !standard.isNull {
                result.append(key, try check(standard, rule, path: inner))
            } else if rule["required"]?.bool == true {
                throw wrong(path, "\"\(key)\" is required")
            }
        }
        return .object(result)
    }

    private static func check(_ value: JSON, _ rule: JSON, path: String) throws(PluginError) -> JSON {
        switch rule["type"]?.string ?? "any" {
        case "string":
            guard value.string != nil else { throw expected("a string", value, path) }
        case "bool":
            if let text = value.string, text == "true" || text == "false" { return .bool(text == "true") }
            guard value.bool != nil else { throw expected("true or false", value, path) }
        case "int":
            let number = value.integer ?? value.string.flatMap { Int64($0) }
            guard let number else { throw expected("a whole number", value, path) }
            return try inRange(.integer(number), rule, path: path)
        case "float":
            guard value.double != nil else { throw expected("a number", value, path) }
            return try inRange(value, rule, path: path)
        case "duration":
            return try inRange(duration(value, path: path), rule, path: path)
        case "list(string)":
            guard let items = value.array, items.allSatisfy({ $0.string != nil }) else {
                throw expected("a list of strings", value, path)
            }
        case "map(string)":
            return try map(value, path: path)
        case "block":
            return try block(single(value, path: path), rule["keys"]?.object ?? JSONObject(), path: path)
        case "list(block)":
            return try blocks(value, rule["keys"]?.object ?? JSONObject(), path: path)
        default: break
        }
        if let allowed = rule["values"]?.array, !allowed.contains(value) {
            throw wrong(path, "\(value.text) is not allowed; use one of \(allowed.map(\.text).joined(separator: ", "))")
        }
        return value
    }

    private static func inRange(_ value: JSON, _ rule: JSON, path: String) throws(PluginError) -> JSON {
        let number = value.double ?? 0
        if let low = rule["min"]?.double, number < low { throw wrong(path, "\(value.text) is below \(low)") }
        if let high = rule["max"]?.double, number > high { throw wrong(path, "\(value.text) is above \(high)") }
        return value
    }

    private static func duration(_ value: JSON, path: String) throws(PluginError) -> JSON {
        if let text = value.string, let duration = Duration(goText: text) { return .integer(duration.nanosecondCount) }
        guard let number = value.integer else { throw expected("a duration such as \"30s\"", value, path) }
        return .integer(number)
    }

    /// HCL writes a map attribute as one object, or as a list of blocks, which are merged.
    private static func map(_ value: JSON, path: String) throws(PluginError) -> JSON {
        var merged = JSONObject()
        for part in value.array ?? [value] {
            guard let object = part.object, object.members.allSatisfy({ $0.value.string != nil }) else {
                throw expected("a map of strings", value, path)
            }
            for member in object.members { merged[member.key] = member.value }
        }
        return .object(merged)
    }

    /// A block may arrive as a list with one element, as HCL's JSON form writes it.
    private static func single(_ value: JSON, path: String) throws(PluginError) -> JSON {
        guard let items = value.array else { return value }
        guard items.count == 1 else { throw wrong(path, "at most one block is allowed, got \(items.count)") }
        return items[0]
    }

    private static func blocks(_ value: JSON, _ keys: JSONObject, path: String) throws(PluginError) -> JSON {
        var result: [JSON] = []
        for (index, item) in (value.array ?? [value]).enumerated() {
            result.append(try block(item, keys, path: "\(path)[\(index)]"))
        }
        return .array(result)
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

    private static func expected(_ what: String, _ value: JSON, _ path: String) -> PluginError {
        wrong(path, "expected \(what), got \(value.kindName)")
    }

    private static func wrong(_ path: String, _ reason: String) -> PluginError {
        PluginError(.invalid, "\(path): \(reason)")
    }
}
