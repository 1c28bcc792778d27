package import CDroverABI
package import DroverSDK

/// The host's `drover.scorers/1`: the scoring functions an operator has installed.
package struct Scorers: @unchecked Sendable {
    /// The C table. (Safe to share: the ABI lets any thread use it for the life of the process.)
    private let table: drover_scorers?

    package init(_ host: Host) {
        self.init(host.interface(DROVER_SCORERS_1)?.assumingMemoryBound(to: drover_scorers.self).pointee)
    }

    /// - Parameter table: nil when the host does not offer the interface; every use says so then.
    package init(_ table: drover_scorers?) { self.table = table }

    /// One scoring function and what it wants to know.
    package struct Entry: Sendable, Equatable {
        package let name: String
        package let parameters: [ScorerParameter]
    }

    /// The function of that name; the only one there is when the name is empty.
    ///
    /// - Throws: `notFound` with the names there are.
    func entry(named name: String) throws(PluginError) -> Entry {
        let entries = try list()
        if name.isEmpty, entries.count == 1 { return entries[0] }
        if let entry = entries.first(where: { $0.name == name }) { return entry }
        let suffixed = entries.filter { $0.name.hasSuffix("/" + name) }
        if !name.isEmpty, suffixed.count == 1 { return suffixed[0] }
        let names = entries.map(\.name).joined(separator: ", ")
        let problem = name.isEmpty ? "\"scorer\" is not set" : "there is no scorer \"\(name)\""
        let advice = names.isEmpty ? "none is installed" : "set \"scorer\" to one of: \(names)"
        throw PluginError(.notFound, "\(problem); \(advice)")
    }

    private func list() throws(PluginError) -> [Entry] {
        guard let table, let list = table.list else {
            throw PluginError(.unsupported, "this host does not offer drover.scorers/1")
        }
        var collected = ByteCollector()
        let code = collected.collect { list($0) }
        guard code == DROVER_OK else { throw PluginError(.init(rawValue: code), collected.text) }
        let document = try JSON(parsing: collected.text)
        return (document.array ?? []).compactMap { item in
            guard let name = item["name"]?.string else { return nil }
            let parameters = (item["parameters"]?.array ?? []).map { parameter in
                ScorerParameter(name: parameter["name"]?.string ?? "", isInteger: parameter["type"]?.string == "i64")
            }
            return Entry(name: name, parameters: parameters)
        }
    }

    /// Runs a function over the rows of `columns`, a `drover_score_columns`; the scores go to `results`.
    func score(
        _ name: String, _ columns: UnsafeRawPointer, count: Int, into results: inout [Double]
    ) throws(PluginError) {
        guard let score = table?.score else {
            throw PluginError(.unsupported, "this host does not offer drover.scorers/1")
        }
        var collected = ByteCollector()
        let code = name.withDroverText { text in collected.collect { score(text, columns, $0) } }
        guard code == DROVER_OK else { throw PluginError(.init(rawValue: code), collected.text) }
        guard collected.bytes.count == count * MemoryLayout<Double>.size else {
            throw PluginError(.internalError, "scorer \(name) gave \(collected.bytes.count) bytes for \(count) nodes")
        }
        results.removeAll(keepingCapacity: true)
        collected.bytes.withUnsafeBytes { bytes in
            for row in 0..<count { results.append(bytes.loadUnaligned(fromByteOffset: row * 8, as: Double.self)) }
        }
    }
}

/// What a scoring function asks about a node.
package struct ScorerParameter: Sendable, Equatable {
    package let name: String
    package let isInteger: Bool

    package init(name: String, isInteger: Bool) {
        self.name = name
        self.isInteger = isInteger
    }
}

/// A sink that keeps what is written to it.
private struct ByteCollector {
    var bytes: [UInt8] = []

    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func collect(_ body: (drover_sink) -> Int32) -> Int32 {
        withUnsafeMutablePointer(to: &bytes) { pointer in
            let sink = drover_sink(context: UnsafeMutableRawPointer(pointer)) { context, written in
                guard let bytes = context?.assumingMemoryBound(to: [UInt8].self) else { return DROVER_E_INTERNAL }
                bytes.pointee += UnsafeBufferPointer(start: written.data, count: Int(written.length))
                return DROVER_OK
            }
            return body(sink)
        }
    }
}
