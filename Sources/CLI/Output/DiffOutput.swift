internal import Basics

/// A JobDiff object (SURFACE §7) as `job plan` shows it: one line a field, `+`, `-` and `+/-` in front.
struct DiffOutput {
    let paint: Paint
    /// Unchanged fields too.
    var verbose = false

    func job(_ diff: JSON) -> String {
        var lines: [String] = []
        lines.append(mark(diff) + paint.bold("Job: \"\(text(diff, "ID"))\""))
        if isChanged(diff) || verbose { details(diff, indent: 0, lines: &lines) }
        for group in list(diff, "TaskGroups") { add(group: group, lines: &lines) }
        return lines.joined(separator: "\n")
    }

    private func add(group: JSON, lines: inout [String]) {
        guard isChanged(group) || verbose || !(group["Updates"]?.object?.isEmpty ?? true) else { return }
        let updates = (group["Updates"]?.object?.members ?? [])
            .compactMap { member in member.value.integer.map { (member.key, $0) } }
            .filter { $0.1 > 0 }.sorted { $0.0 < $1.0 }.map { "\($0.1) \(paint.yellow($0.0))" }
        let suffix = updates.isEmpty ? "" : " (\(updates.joined(separator: ", ")))"
        lines.append(mark(group) + paint.bold("Task Group: \"\(text(group, "Name"))\"") + suffix)
        if isChanged(group) || verbose { details(group, indent: 2, lines: &lines) }
        for task in list(group, "Tasks") where isChanged(task) || verbose {
            lines.append("  " + mark(task) + paint.bold("Task: \"\(text(task, "Name"))\"") + annotations(task))
            if isChanged(task) || verbose { details(task, indent: 4, lines: &lines) }
        }
    }

    /// Fields and objects in order of their names, names padded to one width.
    private func details(_ diff: JSON, indent: Int, lines: inout [String]) {
        let margin = String(repeating: " ", count: indent)
        let fields = list(diff, "Fields").filter { isChanged($0) || verbose }
        let width = fields.map { text($0, "Name").count }.max() ?? 0
        for field in fields {
            let name = text(field, "Name")
            let gap = String(repeating: " ", count: width - name.count)
            lines.append(margin + mark(field) + name + ": " + gap + value(field) + annotations(field))
        }
        for object in list(diff, "Objects") where isChanged(object) || verbose {
            lines.append(margin + mark(object) + text(object, "Name") + " {")
            details(object, indent: indent + 2, lines: &lines)
            lines.append(margin + "}")
        }
    }

    private func value(_ field: JSON) -> String {
        let (old, new) = (text(field, "Old"), text(field, "New"))
        switch text(field, "Type") {
        case "Added": return "\"\(new)\""
        case "Deleted": return "\"\(old)\""
        case "Edited": return "\"\(old)\" => \"\(new)\""
        default: return "\"\(new)\""
        }
    }

    private func annotations(_ diff: JSON) -> String {
        let words = (diff["Annotations"]?.array ?? []).compactMap(\.string)
        return words.isEmpty ? "" : " (\(words.map { paint.yellow($0) }.joined(separator: ", ")))"
    }

    private func mark(_ diff: JSON) -> String {
        switch text(diff, "Type") {
        case "Added": paint.green("+") + " "
        case "Deleted": paint.red("-") + " "
        case "Edited": paint.yellow("+/-") + " "
        default: ""
        }
    }

    private func isChanged(_ diff: JSON) -> Bool { !["", "None"].contains(text(diff, "Type")) }

    private func text(_ diff: JSON, _ name: String) -> String { diff[name]?.string ?? "" }

    private func list(_ diff: JSON, _ name: String) -> [JSON] { diff[name]?.array ?? [] }
}
