package import Basics

/// Replaces `${...}` in configuration and environment (Nomad docs: runtime variable interpolation).
///
/// Names: `NOMAD_*` and other variables of the task's environment, `env["NAME"]`, `node.*`, `attr.*`, `meta.*` of the node. What
/// is not known stays as it is, so that shells and programs may have their own `${...}`.
package struct Interpolation: Sendable {
    private let environment: [String: String]
    private let node: [String: String]

    /// `node` has full names, such as `attr.cpu.arch` and `node.datacenter`.
    package init(environment: [String: String], node: [String: String]) {
        self.environment = environment
        self.node = node
    }

    /// The text with every known reference replaced, from left to right and once: results are not looked at again.
    package func apply(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var out = ""
        var rest = Substring(text)
        while let start = rest.firstRange(of: "${") {
            out += rest[..<start]
            let after = rest.index(start, offsetBy: 2)
            guard let end = rest[after...].firstIndex(of: "}") else {
                rest = rest[start...]
                break
            }
            let name = rest[after..<end]
            out += value(of: name) ?? String(rest[start...end])
            rest = rest[rest.index(after: end)...]
        }
        return out + rest
    }

    /// All strings of a JSON value, and the keys of its objects.
    package func apply(_ json: JSON) -> JSON {
        switch json {
        case .string(let text): .string(apply(text))
        case .array(let items): .array(items.map { apply($0) })
        case .object(let object): .object(object.members.map { (apply($0.key), apply($0.value)) })
        default: json
        }
    }

    private func value(of name: Substring) -> String? {
        let name = name.trimmed
        if let quoted = name.dropping(prefix: "env[\"")?.dropping(suffix: "\"]") { return environment[quoted] ?? "" }
        return environment[name] ?? node[name]
    }
}

extension Substring {
    /// The position of the first "${".
    fileprivate func firstRange(of pattern: String) -> Index? {
        let wanted = Array(pattern.utf8)
        var position = startIndex
        while position < endIndex {
            if utf8[position...].starts(with: wanted) { return position }
            position = index(after: position)
        }
        return nil
    }

    fileprivate var trimmed: String {
        var part = self
        while part.first == " " { part.removeFirst() }
        while part.last == " " { part.removeLast() }
        return String(part)
    }
}

extension String {
    fileprivate func dropping(prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }

    fileprivate func dropping(suffix: String) -> String? { hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil }
}
