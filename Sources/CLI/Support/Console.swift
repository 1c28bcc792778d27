internal import Glibc

/// Standard output and error.
enum Console {
    /// Text and a line end to standard output.
    static func write(_ text: String) { raw(Array(text.utf8) + [0x0a]) }

    /// Bytes as they are to standard output; ends the process quietly when nobody reads any more.
    static func raw(_ bytes: [UInt8]) { put(bytes, on: STDOUT_FILENO) }

    /// Bytes as they are to standard error.
    static func rawError(_ bytes: [UInt8]) { put(bytes, on: STDERR_FILENO) }

    /// Text and a line end to standard error.
    static func fail(_ text: String) { put(Array(text.utf8) + [0x0a], on: STDERR_FILENO) }

    private static func put(_ bytes: [UInt8], on descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { exit(1) }
            rest = rest.dropFirst(count)
        }
    }
}

/// Terminal colors (ECMA-48 SGR), or none.
struct Paint: Sendable {
    var isOn: Bool

    static let none = Paint(isOn: false)

    func bold(_ text: String) -> String { wrap("1", text) }
    func green(_ text: String) -> String { wrap("32", text) }
    func red(_ text: String) -> String { wrap("31", text) }
    func yellow(_ text: String) -> String { wrap("33", text) }

    private func wrap(_ code: String, _ text: String) -> String {
        isOn && !text.isEmpty ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}
