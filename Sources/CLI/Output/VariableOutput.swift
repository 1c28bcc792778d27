internal import ArgumentParser
internal import Basics
internal import Model

/// The forms in which a variable is shown.
enum VariableForm: String, ExpressibleByArgument, CaseIterable {
    case hcl, json, table
    case nothing = "none"
}

/// Variables and root keys as the command line shows them.
enum VariableOutput {
    static func list(_ variables: [VariableMetadata]) -> String {
        guard !variables.isEmpty else { return "No variables found" }
        return Table.list(
            ["Namespace", "Path", "Last Updated"],
            variables.map { [$0.namespace, $0.path, Shown.moment($0.modifyTime)] })
    }

    /// A list, or with pages the list and where the next one begins.
    static func json(_ page: (variables: [VariableMetadata], nextToken: String), isPaged: Bool) -> String {
        let list = JSON.array(page.variables.map { withoutNull($0.json) })
        guard isPaged else { return list.prettyText }
        return JSON.object([
            ("Data", list), ("QueryMeta", .object([("NextToken", .string(page.nextToken))])),
        ]).prettyText
    }

    static func show(_ variable: Variable, _ form: VariableForm) {
        switch form {
        case .nothing: break
        case .table: Console.write(table(variable))
        case .json: Console.write(withoutNull(variable.json).prettyText)
        case .hcl: Console.write(hcl(variable))
        }
    }

    static func table(_ variable: Variable) -> String {
        var facts = [
            ("Namespace", variable.namespace), ("Path", variable.path),
            ("Create Time", Shown.moment(variable.createTime)),
        ]
        if variable.modifyTime != variable.createTime {
            facts.append(("Modify Time", Shown.moment(variable.modifyTime)))
        }
        facts.append(("Check Index", String(variable.modifyIndex)))
        if let lock = variable.lock {
            facts += [
                ("Lock ID", lock.id.description), ("Lock TTL", lock.ttl.duration.goText),
                ("Lock Delay", lock.lockDelay.duration.goText),
            ]
        }
        let items = variable.items.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return Table.pairs(facts) + "\n\nItems\n" + (items.isEmpty ? "No items" : Table.pairs(items))
    }

    /// As `var put -in hcl` reads it.
    static func hcl(_ variable: Variable) -> String {
        var lines = [
            "namespace    = \(quoted(variable.namespace))", "path         = \(quoted(variable.path))",
            "create_index = \(variable.createIndex)", "modify_index = \(variable.modifyIndex)",
            "create_time  = \(variable.createTime.nanoseconds)", "modify_time  = \(variable.modifyTime.nanoseconds)",
            "", "items = {",
        ]
        let width = variable.items.keys.map { quoted($0).count }.max() ?? 0
        for (key, value) in variable.items.sorted(by: { $0.key < $1.key }) {
            let name = quoted(key)
            lines.append("  \(name)\(String(repeating: " ", count: width - name.count)) = \(quoted(value))")
        }
        return (lines + ["}"]).joined(separator: "\n")
    }

    /// A quoted template of HCL2 without interpolation.
    private static func quoted(_ text: String) -> String {
        var out = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "$", "%": out.unicodeScalars.append(character)
            case "{" where out.hasSuffix("$") || out.hasSuffix("%"):
                // ${ and %{ begin templates; doubled they are text.
                out.unicodeScalars.append(out.unicodeScalars.last ?? "$")
                out += "{"
            default: out.unicodeScalars.append(character)
            }
        }
        return out + "\""
    }

    static func conflict(_ present: Variable, checkIndex: UInt64?) -> String {
        let what = "variable \"\(present.path)\" in namespace \"\(present.namespace)\""
        if present.lock != nil, checkIndex == nil || checkIndex == present.modifyIndex {
            return
                "Lock conflict: \(what) is locked by another holder; it can be changed once the lock is given back or "
                + "runs out"
        }
        guard present.modifyIndex > 0 else {
            return "Check-and-set conflict: there is no \(what); its check index is 0"
        }
        return "Check-and-set conflict: the check index of \(what) is \(present.modifyIndex), not "
            + "\(checkIndex.map { String($0) } ?? "the expected one"); it was last changed at "
            + "\(Shown.moment(present.modifyTime)). Look at what is there, then give -check-index "
            + "\(present.modifyIndex), or put with -force to replace whatever is there."
    }

    static func keys(_ keys: [RootKeyMeta], verbose: Bool) -> String {
        guard !keys.isEmpty else { return "No root keys yet: the first variable makes one" }
        let rows = keys.sorted { ($0.createIndex, $0.keyID) < ($1.createIndex, $1.keyID) }.map { key in
            [
                verbose ? key.keyID.description : key.keyID.short, key.state.rawValue, Shown.moment(key.createTime),
                key.publishTime == .never ? "" : Shown.moment(key.publishTime),
            ]
        }
        return Table.list(["Key", "State", "Create Time", "Publish Time"], rows)
    }

    private static func withoutNull(_ json: JSON) -> JSON {
        .object((json.object?.members ?? []).filter { !$0.value.isNull }.map { ($0.key, $0.value) })
    }
}
