internal import ArgumentParser
internal import Basics
internal import HCL
internal import JobSpec
internal import Model

/// A variable as it is given on the command line: `[path] [@file|-] [key=value]...`.
struct VariableSpec {
    enum Form: String, ExpressibleByArgument, CaseIterable { case hcl, json }

    private(set) var variable = Variable()
    /// What follows path and file.
    private(set) var rest: [String] = []
    private var readsInput = false

    /// Reads files and standard input, and tells `report` what it reads. Throws ``CommandError`` for arguments of another form.
    init(_ arguments: [String], form: Form?, report: (String) -> Void) throws {
        try self.init(path: arguments, form: form, report: report)
        guard rest.count(where: { $0.hasSuffix("=-") }) + (readsInput ? 1 : 0) <= 1 else {
            throw CommandError("standard input can be read once only")
        }
        for item in rest {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw CommandError("\"\(item)\" is no item: give it as key=value")
            }
            variable.items[String(parts[0])] = try VariableSpec.value(String(parts[1]))
        }
        guard !variable.path.isEmpty else { throw CommandError("the path is missing: give it before the items") }
    }

    /// Only the path and the file; the others are in ``rest``.
    init(path arguments: [String], form: Form?, report: (String) -> Void) throws {
        rest = arguments
        guard let first = rest.first else { throw CommandError("the variable's path is missing") }
        var path = ""
        if first != "-", !first.hasPrefix("@") {
            path = first
            rest.removeFirst()
        }
        if let file = rest.first, file == "-" || file.hasPrefix("@") {
            rest.removeFirst()
            readsInput = file == "-"
            let name = readsInput ? file : String(file.dropFirst())
            variable = try VariableSpec.read(name, form: form, report)
        }
        if !path.isEmpty { variable.path = path }
    }

    private static func value(_ text: String) throws -> String {
        guard text == "-" || text.hasPrefix("@") else { return text }
        let name = text == "-" ? text : String(text.dropFirst())
        guard let value = String(validating: try LocalFile.read(name), as: UTF8.self) else {
            throw CommandError("\(name) is not UTF-8: encode it, for instance as base64")
        }
        return value
    }

    private static func read(_ name: String, form: Form?, _ report: (String) -> Void) throws -> Variable {
        let byName = name.hasSuffix(".json") ? Form.json : name.hasSuffix(".hcl") ? .hcl : nil
        guard let form = form ?? byName else {
            throw CommandError("cannot tell whether \(name == "-" ? "standard input" : name) is HCL or JSON: give -in")
        }
        report("Reading \(form.rawValue.uppercased()) variable specification from \(name == "-" ? "stdin" : name)")
        return try SpecSource.read(name, json: form == .json, SpecFile.variable)
    }
}
