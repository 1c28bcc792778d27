/// The lines of a trace file, for one pass, with numbers for messages.
struct TraceLines {
    let file: String
    private var rest: ArraySlice<UInt8>
    private(set) var number = 0

    /// A longer line is refused. 64 KiB.
    private static let lengthMax = 64 << 10
    /// A file with more lines is refused.
    private static let countMax = 4_000_000

    init(_ bytes: [UInt8], file: String) {
        rest = bytes[...]
        self.file = file
    }

    /// The next line that is not empty, without its end; nil after the last.
    mutating func next() throws(TraceError) -> ArraySlice<UInt8>? {
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            var line = rest[rest.startIndex..<end]
            rest = rest[min(rest.endIndex, end + 1)...]
            number += 1
            guard number <= Self.countMax else { throw error("more than \(Self.countMax) lines") }
            guard line.count <= Self.lengthMax else { throw error("longer than \(Self.lengthMax) bytes") }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if !line.isEmpty { return line }
        }
        return nil
    }

    /// An error at the line read last.
    func error(_ problem: String) -> TraceError { TraceError(file, line: number, problem) }
}
