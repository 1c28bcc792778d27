internal import CDroverABI
internal import Synchronization

/// One operation of an interface as its signature line describes it: `stop: self text text i64 call -> void` (types.h).
package struct Signature: Equatable, Sendable {
    package enum Parameter: String, Sendable, CaseIterable {
        case `self`, i32, i64, u64, f64, text, bytes, fd, block, sink, call
    }

    package enum Result: String, Sendable, CaseIterable {
        case void, i32, i64, u64, f64
    }

    package let name: String
    package let parameters: [Parameter]
    package let result: Result

    /// Operations of one interface, and parameters of one operation, at most.
    package static let operationsMax = 64
    package static let parametersMax = 16

    /// Reads lines separated by newlines; empty lines are skipped.
    /// - Throws: ``PluginError/Code/invalid`` naming the line and the word.
    package static func parse(_ text: String) throws(PluginError) -> [Signature] {
        var signatures: [Signature] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.isEmpty { continue }
            signatures.append(try parse(words, line: line))
        }
        guard signatures.count <= operationsMax else {
            throw PluginError(.limit, "\(signatures.count) signature lines; at most \(operationsMax) are allowed")
        }
        return signatures
    }

    private static func parse(_ words: [Substring], line: Substring) throws(PluginError) -> Signature {
        func wrong(_ what: String) -> PluginError { PluginError(.invalid, "signature line \"\(line)\": \(what)") }
        guard let first = words.first, first.count > 1, first.last == ":" else { throw wrong("begin with \"name:\"") }
        guard let arrow = words.firstIndex(of: "->"), arrow == words.count - 2, let last = words.last else {
            throw wrong("end with \"-> result\"")
        }
        guard let result = Result(rawValue: String(last)) else {
            throw wrong(
                "unknown result \"\(last)\"; allowed: \(Result.allCases.map(\.rawValue).joined(separator: " "))")
        }
        var parameters: [Parameter] = []
        for word in words[1..<arrow] {
            guard let parameter = Parameter(rawValue: String(word)) else {
                let allowed = Parameter.allCases.map(\.rawValue).joined(separator: " ")
                throw wrong("unknown parameter \"\(word)\"; allowed: \(allowed)")
            }
            parameters.append(parameter)
        }
        guard parameters.count <= parametersMax else { throw wrong("more than \(parametersMax) parameters") }
        guard !parameters.dropFirst().contains(.self) else { throw wrong("\"self\" can only come first") }
        guard parameters.count(where: { $0 == .sink || $0 == .call }) <= 1 else {
            throw wrong("at most one \"sink\" or \"call\"")
        }
        return Signature(name: String(first.dropLast()), parameters: parameters, result: result)
    }

    /// Whether the operation finishes by completing a call rather than by returning.
    package var isLong: Bool { parameters.contains(.call) }

    /// The parameters that the caller gives: without `self`, `sink` and `call`.
    package var inputs: [Parameter] { parameters.filter { $0 != .self && $0 != .sink && $0 != .call } }
}

/// An interface: its id and its operations in the order of its table.
package struct Interface: Equatable, Sendable {
    package let id: String
    package let operations: [Signature]

    package init(id: String, operations: [Signature]) {
        self.id = id
        self.operations = operations
    }

    /// An interface of this ABI, or one whose lines a manifest brings; nil when neither knows it.
    package init?(id: String, manifest: Manifest?) throws(PluginError) {
        if let known = Interface.known.withLock({ $0[id] }) {
            self = known
            return
        }
        let ours = drover_signatures(id).map { String(cString: $0) }
        guard let lines = ours ?? manifest?.signatures[id] else { return nil }
        let made = Interface(id: id, operations: try Signature.parse(lines))
        if ours != nil { Interface.known.withLock { $0[id] = made } }
        self = made
    }

    /// Interfaces of this ABI that have been asked for: every call needs one.
    private static let known = Mutex<[String: Interface]>([:])

    /// The position of the operation `name`, or nil.
    package func index(of name: String) -> Int? { operations.firstIndex { $0.name == name } }

    /// Where the pointer of operation `index` lies in the table: after `uint32_t size, reserved`.
    package static func offset(of index: Int) -> Int { 8 + 8 * index }
}
