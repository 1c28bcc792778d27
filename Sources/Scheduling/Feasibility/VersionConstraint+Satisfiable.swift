extension VersionConstraint {
    /// Whether some version meets it.
    var isSatisfiable: Bool { isSatisfiable(with: self) }

    /// Whether some version meets both.
    ///
    /// What terms allow is made of ranges that begin at a version they name, right after one, or at the least of all: if any version
    /// is allowed, one of those is.
    func isSatisfiable(with other: VersionConstraint) -> Bool {
        let parts = max(partsMax, other.partsMax)
        let starts = bounds + other.bounds + (Version("0.0.0").map { [$0] } ?? [])
        return starts.contains { bound in
            Self.candidates(from: bound, parts: parts).contains { text in
                meets(text) && other.meets(text)
            }
        }
    }

    /// The bound, its release, and the versions right after them, as texts: one with more parts than any bound is right after in
    /// versions of any form, the next number in those of three.
    private static func candidates(from bound: Version, parts: Int) -> [String] {
        let release = bound.numbers.map(String.init).joined(separator: ".")
        let labels = bound.prerelease.joined(separator: ".")
        let padding = String(repeating: ".0", count: max(0, parts - bound.numbers.count))
        var next = bound.numbers
        if next[2] < .max { next[2] += 1 }
        let following = next.map(String.init).joined(separator: ".")
        var texts = [release, "\(release)-0", "\(release)\(padding).1", following, "\(following)-0"]
        if !labels.isEmpty { texts += ["\(release)-\(labels)", "\(release)-\(labels).0"] }
        return texts
    }

    private func meets(_ text: String) -> Bool { Version(text, strict: isStrict).map(allows) ?? false }
}
