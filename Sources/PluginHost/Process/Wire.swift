/// Appends numbers in machine order and bytes with their length.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    mutating func u32(_ value: UInt32) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }

    mutating func u64(_ value: UInt64) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }

    mutating func bytes(_ content: some Collection<UInt8>) {
        u64(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    mutating func text(_ text: String) { bytes(Array(text.utf8)) }

    mutating func aligned(_ content: UnsafeRawBufferPointer) { bytes.append(contentsOf: content) }

    /// Overwrites the four bytes at `position`.
    mutating func replace(at position: Int, u32 value: UInt32) {
        withUnsafeBytes(of: value) { bytes.replaceSubrange(position..<position + 4, with: $0) }
    }
}

/// Takes apart what ``WireWriter`` wrote; anything else is an error, never a crash.
struct WireReader {
    private let content: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        content = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position == content.endIndex }

    mutating func u32() throws(PluginError) -> UInt32 {
        let part = try take(4)
        return part.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    }

    mutating func u64() throws(PluginError) -> UInt64 {
        let part = try take(8)
        return part.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    }

    mutating func bytes() throws(PluginError) -> [UInt8] {
        let count = try u64()
        guard count <= UInt64(content.count) else { throw WireReader.short("\(count) bytes") }
        return Array(try take(Int(count)))
    }

    mutating func text() throws(PluginError) -> String { String(decoding: try bytes(), as: UTF8.self) }

    /// A copy of the next `length` bytes, aligned for any type.
    mutating func aligned(_ length: Int) throws(PluginError) -> Block {
        try take(length).withUnsafeBytes { Block(copying: $0) }
    }

    /// Everything that is left.
    mutating func rest() -> [UInt8] {
        defer { position = content.endIndex }
        return Array(content[position...])
    }

    private mutating func take(_ count: Int) throws(PluginError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= content.endIndex - position else { throw WireReader.short("\(count) bytes") }
        defer { position += count }
        return content[position..<position + count]
    }

    static func short(_ what: String) -> PluginError { PluginError(.garbage, "message ends before \(what)") }
}
