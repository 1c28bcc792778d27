internal import CZlib

/// Compresses bytes as gzip (RFC 1952), piece by piece.
final class GzipWriter {
    private static let pieceBytes = 256 << 10
    /// zlib points back at it, so it must not move.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let emit: ([UInt8]) throws -> Void

    init(emit: @escaping ([UInt8]) throws -> Void) {
        self.emit = emit
        stream.initialize(to: z_stream())
        let result = czlib_deflate_init(stream)
        precondition(result == Z_OK, "zlib cannot compress: error \(result)")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    func write(_ bytes: [UInt8]) throws { try pump(bytes, Z_NO_FLUSH) }

    /// Writes what is left and the trailer; call once, last.
    func finish() throws { try pump([], Z_FINISH) }

    private func pump(_ bytes: [UInt8], _ flush: Int32) throws {
        var input = bytes
        try input.withUnsafeMutableBufferPointer { input in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(input.count)
            var isFull = true
            while isFull {
                let out = [UInt8](unsafeUninitializedCapacity: GzipWriter.pieceBytes) { buffer, count in
                    stream.pointee.next_out = buffer.baseAddress
                    stream.pointee.avail_out = UInt32(buffer.count)
                    deflate(stream, flush)
                    count = buffer.count - Int(stream.pointee.avail_out)
                }
                isFull = stream.pointee.avail_out == 0
                if !out.isEmpty { try emit(out) }
            }
        }
    }
}

/// Reads gzip, checking it.
final class GzipReader {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    /// The next compressed bytes; empty at their end.
    private let source: () throws -> [UInt8]
    private var input: [UInt8] = []
    private var taken = 0
    private(set) var isAtEnd = false

    init(source: @escaping () throws -> [UInt8]) {
        self.source = source
        stream.initialize(to: z_stream())
        let result = czlib_inflate_init(stream)
        precondition(result == Z_OK, "zlib cannot decompress: error \(result)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// The next `count` bytes; fewer only where the content ends.
    /// - Throws: ``ArchiveError``, and what the source throws.
    func read(_ count: Int) throws -> [UInt8] {
        var out = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count, !isAtEnd {
            if taken == input.count { try refill() }
            filled += try inflate(into: &out, from: filled)
        }
        out.removeLast(count - filled)
        return out
    }

    /// Checks that nothing follows.
    func finish() throws {
        guard try read(1).isEmpty, isAtEnd else { throw ArchiveError.damaged("more follows its last file") }
        guard taken == input.count, try source().isEmpty else {
            throw ArchiveError.damaged("bytes follow its end")
        }
    }

    private func refill() throws {
        let isFirst = stream.pointee.total_in == 0
        input = try source()
        taken = 0
        guard !input.isEmpty else {
            throw isFirst ? ArchiveError.foreign("it is empty") : ArchiveError.damaged("it ends early")
        }
        guard !isFirst || input.starts(with: [0x1f, 0x8b]) else {
            throw ArchiveError.foreign("it is no gzip file")
        }
    }

    private func inflate(into out: inout [UInt8], from start: Int) throws -> Int {
        let result = out.withUnsafeMutableBufferPointer { out in
            input.withUnsafeMutableBufferPointer { input -> Int32 in
                stream.pointee.next_in = input.baseAddress.map { $0 + taken }
                stream.pointee.avail_in = UInt32(input.count - taken)
                stream.pointee.next_out = out.baseAddress.map { $0 + start }
                stream.pointee.avail_out = UInt32(out.count - start)
                return CZlib.inflate(stream, Z_NO_FLUSH)
            }
        }
        taken = input.count - Int(stream.pointee.avail_in)
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
            throw ArchiveError.damaged("its compressed bytes do not fit their checksum or form")
        }
        isAtEnd = result == Z_STREAM_END
        return out.count - start - Int(stream.pointee.avail_out)
    }
}
