/// What is wrong with a task's `config`, as servers tell it and as the command line, which knows the file, reads it back.
public struct ConfigurationFault: Equatable, Sendable, CustomStringConvertible {
    public var group: String
    public var task: String
    public var driver: String
    /// The keys from the outermost inwards, positions in lists as `[0]`: `exec_command.run_for`, `mount[1].target`.
    public var key: String
    /// What is wrong, and what would be right.
    public var reason: String

    public init(group: String, task: String, driver: String, key: String, reason: String) {
        self.group = group
        self.task = task
        self.driver = driver
        self.key = key
        self.reason = reason
    }

    public var description: String {
        "group \"\(group)\", task \"\(task)\", driver \"\(driver)\": config\(key.isEmpty ? "" : ".")\(key): \(reason)"
    }

    /// The fault a line of a server's answer tells of, whatever stands before it; nil when it tells of something else.
    public init?(_ line: some StringProtocol) {
        var rest = Substring(line)
        func take(_ separator: String) -> Substring? {
            guard let range = rest.range(ofText: separator) else { return nil }
            defer { rest = rest[range.upperBound...] }
            return rest[..<range.lowerBound]
        }
        guard take("group \"") != nil, let group = take("\", task \""), let task = take("\", driver \""),
            let driver = take("\": config"), let key = take(": ")
        else { return nil }
        self.init(
            group: String(group), task: String(task), driver: String(driver),
            key: String(key.hasPrefix(".") ? key.dropFirst() : key), reason: String(rest))
    }
}

extension Substring {
    /// The first place of `text`, byte by byte.
    fileprivate func range(ofText text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if utf8[start...].starts(with: text.utf8) { return start..<utf8.index(start, offsetBy: text.utf8.count) }
            start = utf8.index(after: start)
        }
        return nil
    }
}
