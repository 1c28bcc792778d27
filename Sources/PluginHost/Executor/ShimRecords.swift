package import Linux

/// What the shim wrote about a live task: the file `state` (Sources/drover-shim/record.h).
package struct ShimState: Equatable, Sendable {
    package var bootID: String
    package var shim: ProcessIdentity
    /// Nil while the task is about to start.
    package var task: ProcessIdentity?
    /// Nanoseconds since 1970.
    package var started: Int64

    /// Nil before it is known which shim it is, or when the text is of another version.
    package init?(_ text: String) {
        guard let fields = RecordParts(text)?.state, let boot = fields["boot"]?.first,
            let shim = fields.process("shim"), let started = fields.number("started")
        else { return nil }
        bootID = boot
        self.shim = shim
        task = fields.process("task").flatMap { $0.pid == 0 ? nil : $0 }
        self.started = started
    }
}

/// How a task ended: the last part of the file `state`.
package struct ShimExit: Equatable, Sendable {
    package var code: Int
    package var signal: Int
    package var outOfMemory: Bool
    /// The shim died before it could tell: code and signal are unknown.
    package var lost: Bool
    package var time: Int64
    package var droppedBytes: Int64

    package init(code: Int, signal: Int, outOfMemory: Bool, lost: Bool, time: Int64, droppedBytes: Int64 = 0) {
        self.code = code
        self.signal = signal
        self.outOfMemory = outOfMemory
        self.lost = lost
        self.time = time
        self.droppedBytes = droppedBytes
    }

    /// Nil while `state` does not tell of it.
    package init?(state text: String) {
        guard let fields = RecordParts(text)?.exit else { return nil }
        self.init(fields)
    }

    /// From the file `exit` of shims of earlier versions; nil when it is torn.
    package init?(earlier text: String) {
        guard let lines = RecordParts.lines(text, header: "drover-shim-exit 1"), lines.last == "end" else { return nil }
        self.init(RecordFields(lines))
    }

    private init?(_ fields: RecordFields) {
        guard let code = fields.number("code"), let signal = fields.number("signal"), let oom = fields.number("oom"),
            let lost = fields.number("lost"), let time = fields.number("time")
        else { return nil }
        self.init(
            code: Int(code), signal: Int(signal), outOfMemory: oom != 0, lost: lost != 0, time: time,
            droppedBytes: fields.number("dropped") ?? 0)
    }

    /// The part of `state` that says it.
    var text: String {
        """

        code \(code)
        signal \(signal)
        oom \(outOfMemory ? 1 : 0)
        lost \(lost ? 1 : 0)
        time \(time)
        dropped \(droppedBytes)
        exited

        """
    }
}

/// The parts of a file `state`. One that is not whole yet, or was never finished, is as if it had not been begun.
private struct RecordParts {
    let state: RecordFields
    let exit: RecordFields?

    init?(_ text: String) {
        guard let lines = RecordParts.lines(text, header: "drover-shim-state 1"),
            let last = lines.lastIndex(where: { $0 == "starting" || $0 == "end" })
        else { return nil }
        state = RecordFields(lines[..<last])
        exit = lines.last == "exited" ? RecordFields(lines[(last + 1)...]) : nil
    }

    /// What follows the header, without empty lines; nil when the header is another.
    static func lines(_ text: String, header: String) -> ArraySlice<Substring>? {
        let lines = text.split(separator: "\n")
        return lines.first == header[...] ? lines.dropFirst() : nil
    }
}

/// "key word word" lines.
private struct RecordFields {
    private var fields: [Substring: [Substring]] = [:]

    init(_ lines: ArraySlice<Substring>) {
        for line in lines {
            let words = line.split(separator: " ")
            if let key = words.first { fields[key] = Array(words.dropFirst()) }
        }
    }

    subscript(key: Substring) -> [String]? { fields[key]?.map { String($0) } }

    func number(_ key: Substring) -> Int64? { fields[key]?.first.flatMap { Int64($0) } }

    func process(_ key: Substring) -> ProcessIdentity? {
        guard let words = fields[key], words.count == 2, let pid = Int32(words[0]), let start = UInt64(words[1]) else {
            return nil
        }
        return ProcessIdentity(pid: pid, startTime: start)
    }
}
