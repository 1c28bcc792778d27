internal import Glibc

/// Reads of the small files of /proc, /sys and /etc.
public enum SmallFile {
    /// Bytes of a file that are read; the rest is left out.
    public static let bytesMax = 4 << 20

    /// The text of a file; `nil` when it cannot be read.
    public static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count < bytesMax {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? String(decoding: bytes, as: UTF8.self) : nil }
            bytes.append(contentsOf: chunk[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The text of a file of one line, without blanks at its ends; `nil` when it is empty or cannot be read.
    public static func readLine(_ path: String) -> String? {
        guard let line = read(path)?.split(separator: "\n").first else { return nil }
        let trimmed = trim(line)
        return trimmed.isEmpty ? nil : trimmed
    }

    /// The names in a folder, sorted, without "." and ".."; empty when it cannot be read.
    public static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { buffer in
                String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Appends bytes to a file, made with mode 0644 if need be.
    ///
    /// - Returns: 0, or the `errno` of the call that failed.
    public static func append(_ bytes: [UInt8], to path: String) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return write(bytes, to: descriptor)
    }

    /// Writes all bytes to a descriptor.
    ///
    /// - Returns: 0, or the `errno` of the call that failed.
    public static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return 0
    }

    /// Text without blanks, tabs and quotes of shell files at its ends.
    public static func trim(_ text: Substring, also extra: Character? = nil) -> String {
        let isBlank = { (character: Character) in character.isWhitespace || character == extra }
        let start = text.drop(while: isBlank)
        return String(start.reversed().drop(while: isBlank).reversed())
    }
}
