/// A name with `*` for any characters: "AWS_*".
public struct NamePattern: Sendable {
    private let pattern: [UInt8]

    public init(_ pattern: String) {
        self.pattern = Array(pattern.utf8)
    }

    /// Whether the whole of `name` matches; linear in its length times the number of stars at worst.
    public func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        var at = 0, position = 0
        var star: Int?, resume = 0
        while position < name.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                star = at
                resume = position
                at += 1
            } else if at < pattern.count, pattern[at] == name[position] {
                at += 1
                position += 1
            } else if let star {
                at = star + 1
                resume += 1
                position = resume
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
