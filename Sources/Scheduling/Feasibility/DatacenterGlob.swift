/// A datacenter pattern of a job: `*` stands for any run of characters, all else for itself.
package enum DatacenterGlob {
    /// Whether `name` matches any of `patterns`; a job without patterns means everywhere.
    package static func matches(_ patterns: [String], _ name: String) -> Bool {
        patterns.isEmpty || patterns.contains { matches($0, name) }
    }

    /// Greedy match with one point of return, linear but for the stars.
    static func matches(_ pattern: String, _ name: String) -> Bool {
        let pattern = Array(pattern.utf8)
        let name = Array(name.utf8)
        let star = UInt8(ascii: "*")
        var (at, from) = (0, 0)
        var back: (pattern: Int, name: Int)?
        while from < name.count {
            if at < pattern.count, pattern[at] == star {
                back = (at + 1, from)
                at += 1
            } else if at < pattern.count, pattern[at] == name[from] {
                at += 1
                from += 1
            } else if let last = back {
                back = (last.pattern, last.name + 1)
                (at, from) = (last.pattern, last.name + 1)
            } else {
                return false
            }
        }
        while at < pattern.count, pattern[at] == star { at += 1 }
        return at == pattern.count
    }
}
