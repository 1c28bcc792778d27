internal import Glibc

/// A system call that failed: its name, what it was applied to, and errno.
public struct LinuxError: Error, Equatable, Sendable, CustomStringConvertible {
    public let call: String
    /// A path, a pid, or another word that says on what; empty when there is nothing to name.
    public let path: String
    public let errno: Int32

    public init(call: String, path: String = "", errno: Int32) {
        self.call = call
        self.path = path
        self.errno = errno
    }

    /// The system's text for `errno`, such as "No such file or directory".
    public var reason: String { LinuxError.text(errno) }

    public var description: String {
        "\(call)\(path.isEmpty ? "" : " \(path)"): \(reason) (errno \(errno))"
    }

    /// The system's text for an error number.
    public static func text(_ errno: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            buffer.initialize(repeating: 0)
            guard let base = buffer.baseAddress else { return "error \(errno)" }
            // glibc's strerror_r is the POSIX form in Swift's import.
            _ = strerror_r(errno, base, 127)
            return String(cString: base)
        }
    }
}

/// Runs one system call, again after EINTR; a negative result becomes a ``LinuxError`` with errno, read at once.
@discardableResult
package func systemCall<Number: SignedInteger>(
    _ call: String, _ path: @autoclosure () -> String = "", _ body: () -> Number
) throws(LinuxError) -> Number {
    while true {
        let result = body()
        if result >= 0 { return result }
        let number = errno
        if number != EINTR { throw LinuxError(call: call, path: path(), errno: number) }
    }
}
