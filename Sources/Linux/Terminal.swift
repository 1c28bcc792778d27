internal import CLinux
package import Glibc

/// Terminals: new ones, their sizes, and what they do with what is typed.
package enum Terminal {
    /// A new pseudo-terminal: the side that plays the user, and the one that a program gets.
    package static func open() throws(LinuxError) -> (outer: FileDescriptor, inner: FileDescriptor) {
        let outer = try FileDescriptor(path: "/dev/ptmx", flags: O_RDWR | O_NOCTTY)
        let inner = try systemCall("TIOCGPTPEER", "/dev/ptmx") { clinux_terminal_peer(outer.number) }
        return (outer, FileDescriptor(owning: inner))
    }

    /// Sets the size, of which the programs on it are told (SIGWINCH) when it has changed.
    package static func setSize(_ descriptor: Int32, rows: Int, columns: Int) throws(LinuxError) {
        try systemCall("TIOCSWINSZ") {
            clinux_set_terminal_size(descriptor, UInt16(clamping: rows), UInt16(clamping: columns))
        }
    }

    /// Its size; nil for what is no terminal.
    package static func size(_ descriptor: Int32) -> (rows: Int, columns: Int)? {
        var (rows, columns) = (UInt16(0), UInt16(0))
        guard clinux_terminal_size(descriptor, &rows, &columns) == 0 else { return nil }
        return (Int(rows), Int(columns))
    }

    /// Passes every key on as it is, without echo.
    ///
    /// - Returns: how it was before; nil for what is no terminal.
    package static func makeRaw(_ descriptor: Int32) -> termios? {
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { return nil }
        let before = settings
        cfmakeraw(&settings)
        tcsetattr(descriptor, TCSADRAIN, &settings)
        return before
    }

    package static func restore(_ descriptor: Int32, _ settings: termios) {
        var settings = settings
        tcsetattr(descriptor, TCSADRAIN, &settings)
    }
}
