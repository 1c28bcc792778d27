/// Bytes of an annotated dump: hexadecimal digits and blanks, `"text"` for its bytes, and from `#` to the end of a line a comment.
func hex(_ dump: String) -> [UInt8] {
    dump.split(separator: "\n").flatMap { line -> [UInt8] in
        let parts = line.prefix { $0 != "#" }.split(separator: "\"", omittingEmptySubsequences: false)
        return parts.enumerated().flatMap { index, part -> [UInt8] in
            guard index.isMultiple(of: 2) else { return Array(part.utf8) }
            let digits = part.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
            return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
    }
}
