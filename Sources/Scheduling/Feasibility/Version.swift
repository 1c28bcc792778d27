/// A version such as `1.2.3-beta.1+build`: numbers, then a pre-release part that sorts before its release (semver.org §11).
package struct Version: Comparable, Sendable {
    package let numbers: [UInt64]
    package let prerelease: [String]
    /// Numbers written; `1.2` has two, which is what `~>` goes by.
    package let written: Int

    /// Digits and parts beyond these are not a version.
    private static let lengthMax = 256

    /// Reads a version; `strict` asks for exactly `major.minor.patch` with no leading `v` (Semantic Versioning), otherwise
    /// any number of parts and an optional `v` will do, missing parts being 0.
    package init?(_ text: String, strict: Bool = false) {
        guard text.utf8.count <= Self.lengthMax else { return nil }
        var rest = Substring(text)
        rest = rest.drop { $0 == " " }
        while rest.last == " " { rest.removeLast() }
        if !strict, rest.first == "v" || rest.first == "V" { rest.removeFirst() }
        if let plus = rest.firstIndex(of: "+") {
            guard Self.areIdentifiers(rest[rest.index(after: plus)...]) else { return nil }
            rest = rest[..<plus]
        }
        var labels: [String] = []
        if let dash = rest.firstIndex(of: "-") {
            let tail = rest[rest.index(after: dash)...]
            guard Self.areIdentifiers(tail) else { return nil }
            labels = tail.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            rest = rest[..<dash]
        }
        var numbers: [UInt64] = []
        for part in rest.split(separator: ".", omittingEmptySubsequences: false) {
            guard !part.isEmpty, part.utf8.allSatisfy({ (48...57).contains($0) }), let number = UInt64(part) else {
                return nil
            }
            numbers.append(number)
        }
        guard strict ? numbers.count == 3 : !numbers.isEmpty else { return nil }
        written = numbers.count
        while numbers.count < 3 { numbers.append(0) }
        self.numbers = numbers
        prerelease = labels
    }

    /// Dot-separated identifiers of letters, digits and dashes.
    private static func areIdentifiers(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { isIdentifierByte($0) }
            }
    }

    private static func isIdentifierByte(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45
    }

    package static func == (left: Version, right: Version) -> Bool { !(left < right) && !(right < left) }

    package static func < (left: Version, right: Version) -> Bool {
        for position in 0..<max(left.numbers.count, right.numbers.count) {
            let a = position < left.numbers.count ? left.numbers[position] : 0
            let b = position < right.numbers.count ? right.numbers[position] : 0
            if a != b { return a < b }
        }
        if left.prerelease.isEmpty || right.prerelease.isEmpty {
            return !left.prerelease.isEmpty && right.prerelease.isEmpty
        }
        return precedes(left.prerelease, right.prerelease)
    }

    /// Numbers compare as numbers and come before words; of equal beginnings the shorter comes first.
    private static func precedes(_ left: [String], _ right: [String]) -> Bool {
        for (a, b) in zip(left, right) where a != b {
            switch (UInt64(a), UInt64(b)) {
            case (let a?, let b?): return a < b
            case (.some, nil): return true
            case (nil, .some): return false
            case (nil, nil): return a < b
            }
        }
        return left.count < right.count
    }

    /// The release this leads to, with the pre-release part cut off.
    func hasSameNumbers(as other: Version) -> Bool { numbers == other.numbers }
}

/// Conditions on a version, all of which must hold: `>= 1.2, < 2.0`, `~> 1.4`.
package struct VersionConstraint: Sendable {
    private enum Comparison: String, CaseIterable {
        case notEqual = "!="
        case atLeast = ">="
        case atMost = "<="
        case pessimistic = "~>"
        case equal = "="
        case greater = ">"
        case less = "<"
    }

    private let terms: [(comparison: Comparison, version: Version)]
    let isStrict: Bool

    /// Reads conditions; with `strict` they compare as Semantic Versioning does, where `1.3.0-beta` satisfies `>= 1.2.0`; otherwise a
    ///   pre-release satisfies only terms that name a pre-release of the same numbers.
    package init?(_ text: String, strict: Bool = false) {
        var terms: [(Comparison, Version)] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let trimmed = part.drop { $0 == " " }
            let comparison = Comparison.allCases.first { trimmed.hasPrefix($0.rawValue) }
            let rest = trimmed.dropFirst(comparison?.rawValue.count ?? 0)
            guard let version = Version(String(rest), strict: strict) else { return nil }
            terms.append((comparison ?? .equal, version))
        }
        guard !terms.isEmpty else { return nil }
        self.terms = terms
        isStrict = strict
    }

    /// The versions that its terms name.
    var bounds: [Version] { terms.map(\.version) }

    /// The most numbers that one of them has.
    var partsMax: Int { terms.map(\.version.numbers.count).max() ?? 0 }

    package func allows(_ version: Version) -> Bool {
        terms.allSatisfy { holds($0.comparison, version, $0.version) }
    }

    private func holds(_ comparison: Comparison, _ version: Version, _ bound: Version) -> Bool {
        switch comparison {
        case .equal: version == bound
        case .notEqual: version != bound
        case .greater: admits(version, bound) && version > bound
        case .atLeast: admits(version, bound) && version >= bound
        case .less: admits(version, bound) && version < bound
        case .atMost: admits(version, bound) && version <= bound
        case .pessimistic: admits(version, bound) && version >= bound && sharesPrefix(version, bound)
        }
    }

    /// Whether a pre-release may be compared with the bound at all.
    private func admits(_ version: Version, _ bound: Version) -> Bool {
        if isStrict || version.prerelease.isEmpty { return true }
        return !bound.prerelease.isEmpty && version.hasSameNumbers(as: bound)
    }

    /// `~> 1.2.3` allows `1.2.*`, `~> 1.2` allows `1.*`: all numbers written but the last must be equal.
    private func sharesPrefix(_ version: Version, _ bound: Version) -> Bool {
        let fixed = max(0, bound.written - 1)
        return version.numbers.prefix(fixed).elementsEqual(bound.numbers.prefix(fixed))
    }
}
