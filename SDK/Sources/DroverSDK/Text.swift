public import CDroverABI

extension String {
    /// A copy of borrowed text of the ABI; bytes that are not UTF-8 become U+FFFD.
    public init(_ text: drover_text) {
        self.init(decoding: UnsafeBufferPointer(text), as: UTF8.self)
    }

    /// Lends the text to `body` as the ABI takes it; valid during the call only.
    public func withDroverText<Value, Failure: Error>(
        _ body: (drover_text) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        var copy = self
        let result = copy.withUTF8 { buffer in
            Result { () throws(Failure) in try body(drover_text(buffer)) }
        }
        return try result.get()
    }
}

extension Array where Element == UInt8 {
    /// A copy of borrowed bytes of the ABI.
    public init(_ bytes: drover_bytes) {
        self.init(UnsafeBufferPointer(bytes))
    }

    /// Lends the bytes to `body` as the ABI takes them; valid during the call only.
    public func withDroverBytes<Value>(_ body: (drover_bytes) -> Value) -> Value {
        withUnsafeBufferPointer { body(drover_bytes($0)) }
    }
}

extension drover_bytes {
    /// The same borrowed memory, seen from the ABI's side.
    public init(_ buffer: UnsafeBufferPointer<UInt8>) {
        self.init(data: buffer.baseAddress, length: UInt64(buffer.count))
    }
}

extension UnsafeBufferPointer where Element == UInt8 {
    /// The same borrowed memory, seen from Swift's side.
    public init(_ bytes: drover_bytes) {
        self.init(start: bytes.data, count: bytes.data == nil ? 0 : Int(bytes.length))
    }
}

/// Reads a table or struct whose maker may have known fewer or more fields than these headers.
///
/// Copies what `size`, its first field, covers, over a zeroed value: a missing function is `nil`.
func copyTable<Table: BitwiseCopyable>(_ source: UnsafeRawPointer?, over zero: Table) -> Table {
    var table = zero
    guard let source else { return table }
    let count = min(Int(source.load(as: UInt32.self)), MemoryLayout<Table>.size)
    withUnsafeMutableBytes(of: &table) { $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: count)) }
    return table
}
