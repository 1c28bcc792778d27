public import CDroverABI

/// Where a function puts its result; use it only until that function returns.
public struct Sink {
    /// The C value.
    public let raw: drover_sink

    /// Wraps the sink of a C call.
    public init(_ raw: drover_sink) {
        self.raw = raw
    }

    /// Writes one document or message.
    ///
    /// - Throws: ``PluginError`` with `limit` or `cancelled` when the host takes no more.
    public func write(_ text: String) throws(PluginError) {
        try check(text.withDroverText { raw.write?(raw.context, $0) ?? DROVER_OK })
    }

    /// Writes one or more whole records, or a document as bytes.
    public func write(_ bytes: [UInt8]) throws(PluginError) {
        try check(bytes.withDroverBytes { raw.write?(raw.context, $0) ?? DROVER_OK })
    }

    /// Writes records of a C type, laid out one after the other.
    public func write<Record: BitwiseCopyable>(records: [Record]) throws(PluginError) {
        let code = records.withUnsafeBytes { buffer in
            raw.write?(raw.context, drover_bytes(buffer.bindMemory(to: UInt8.self))) ?? DROVER_OK
        }
        try check(code)
    }

    private func check(_ code: Int32) throws(PluginError) {
        guard code == DROVER_OK else { throw PluginError(.init(rawValue: code), "the host takes no more output") }
    }

    /// Runs a host function that writes to a sink and returns all that it wrote, at most `limit` bytes; throws the
    /// function's code with the message it wrote.
    static func collect(
        _ name: String, limit: Int = 64 << 20, _ body: (drover_sink) -> Int32?
    ) throws(PluginError) -> [UInt8] {
        var collected = Collected(limit: limit)
        let code = withUnsafeMutablePointer(to: &collected) { pointer in
            let write: @convention(c) (UnsafeMutableRawPointer?, drover_bytes) -> Int32 = { context, bytes in
                guard let collected = context?.assumingMemoryBound(to: Collected.self) else {
                    return DROVER_E_INTERNAL
                }
                return collected.pointee.append(bytes)
            }
            return body(drover_sink(context: UnsafeMutableRawPointer(pointer), write: write))
        }
        guard let code else { throw PluginError(.unsupported, "this host does not offer \(name)") }
        guard code == DROVER_OK else {
            let message = String(decoding: collected.bytes, as: UTF8.self)
            throw PluginError(.init(rawValue: code), message.isEmpty ? "\(name) failed" : message)
        }
        return collected.bytes
    }

    private struct Collected {
        let limit: Int
        var bytes: [UInt8] = []

        mutating func append(_ more: drover_bytes) -> Int32 {
            guard bytes.count + Int(more.length) <= limit else { return DROVER_E_LIMIT }
            bytes.append(contentsOf: UnsafeBufferPointer(more))
            return DROVER_OK
        }
    }
}
