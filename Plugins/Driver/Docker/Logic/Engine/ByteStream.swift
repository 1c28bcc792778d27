/// A connection to the engine: bytes both ways, never blocking a thread.
protocol ByteStream: Sendable {
    /// The next bytes, at most `max`; empty at the end.
    func read(max: Int) async throws -> [UInt8]
    /// Returns when all is handed to the kernel.
    func write(_ bytes: [UInt8]) async throws
    /// Tells the other side that nothing more comes; it may still answer.
    func finishWriting() async throws
    /// Frees the connection; nothing may be under way on it.
    func close()
}
