/// Finds the escape that ends a session on a terminal: `~.` at the beginning of a line (as in ssh(1)).
struct EscapeFilter {
    private let escape: UInt8
    private var isLineStart = true
    private var isEscaped = false

    init(_ escape: UInt8) { self.escape = escape }

    /// What of `bytes` is passed on, and whether the session is to end after it. The escape character itself is passed on once
    /// it is clear that no dot follows; twice in a row it is passed on once.
    mutating func filter(_ bytes: [UInt8]) -> (passed: [UInt8], isEnd: Bool) {
        var passed: [UInt8] = []
        for byte in bytes {
            if isEscaped {
                isEscaped = false
                if byte == UInt8(ascii: ".") { return (passed, true) }
                if byte != escape { passed.append(escape) }
            } else if isLineStart, byte == escape {
                isEscaped = true
                continue
            }
            isLineStart = byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n")
            passed.append(byte)
        }
        return (passed, false)
    }
}
