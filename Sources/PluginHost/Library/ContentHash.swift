internal import Glibc
internal import Linux

/// A 128-bit key of a file's content: tells whether a library has changed. Not cryptographic: no defence against forgery.
enum ContentHash {
    /// Larger libraries are refused.
    static let fileBytesMax = 1 << 30

    static func hash(file path: String) throws(PluginError) -> String {
        do {
            let file = try FileDescriptor(path: path, flags: O_RDONLY)
            var status = stat()
            try systemCall("fstat", path) { fstat(file.number, &status) }
            let size = Int(status.st_size)
            guard size > 0, size <= fileBytesMax else { throw LinuxError(call: "read", path: path, errno: EFBIG) }
            guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.number, 0), base != MAP_FAILED else {
                throw LinuxError(call: "mmap", path: path, errno: errno)
            }
            defer { munmap(base, size) }
            return hash(UnsafeRawBufferPointer(start: base, count: size))
        } catch let error as LinuxError {
            throw PluginError(.io, "\(error)")
        } catch {
            throw PluginError(.io, "\(path): \(error)")
        }
    }

    static func hash(_ bytes: UnsafeRawBufferPointer) -> String {
        var first: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(bytes.count)
        var second: UInt64 = 0xd1b5_4a32_d192_ed03
        var position = 0
        while position + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            first = (first ^ word) &* 0xff51_afd7_ed55_8ccd
            first ^= first >> 29
            second = (second &+ word) &* 0xc4ce_b9fe_1a85_ec53
            second ^= second >> 31
            position += 8
        }
        while position < bytes.count {
            first = (first ^ UInt64(bytes[position])) &* 0x100_0000_01b3
            second = (second &+ UInt64(bytes[position])) &* 0xc4ce_b9fe_1a85_ec53
            position += 1
        }
        return digits(first) + digits(second ^ second >> 33)
    }

    private static func digits(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
