package import Linux

/// What the shim wrote about a live task: the file `state` (Sources/drover-shim/record.h).
package struct ShimState: Equatable, Sendable {
    package var bootID: String
    package var shim: ProcessIdentity
    /// Nil while the task is about to start.
    package var task: ProcessIdentity?
    /// Nanoseconds since 1970.
    package var started: Int64

    /// Nil when the text is torn or of another version.
    package init?(_ text: String) {
        guard let fields = RecordFields(text, header: "drover-shim-state 1", lasts: ["starting", "end"]),
            let boot = fields["boot"]?.first,
            let shim = fields.process("shim"), let started = fields.number("started")
        else { return nil }
        bootID = boot
        self.shim = shim
        task = fields.process("task").flatMap { $0.pid == 0 ? nil : $0 }
        self.started = started
    }
}

/// How a task ended: the file `exit`.
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

    /// Nil when the text is torn or of another version.
    package init?(_ text: String) {
        guard let fields = RecordFields(text, header: "drover-shim-exit 1", lasts: ["end"]),
            let code = fields.number("code"),
            let signal = fields.number("signal"), let oom = fields.number("oom"), let lost = fields.number("lost"),
            let time = fields.number("time")
        else { return nil }
        self.init(
            code: Int(code), signal: Int(signal), outOfMemory: oom != 0, lost: lost != 0, time: time,
            droppedBytes: fields.number("dropped") ?? 0)
    }

    var text: String {
        """
        drover-shim-exit 1
        code \(code)
        signal \(signal)
        oom \(outOfMemory ? 1 : 0)
        lost \(lost ? 1 : 0)
        time \(time)
        dropped \(droppedBytes)
        end

        """
    }
}

/// "key word word" lines between a header and one of the lines that say that the record is whole.
private struct RecordFields {
    private var fields: [String: [String]] = [:]

    init?(_ text: String, header: String, lasts: [Substring]) {
        let lines = text.split(separator: "\n")
        guard lines.first == header[...], let last = lines.last, lasts.contains(last) else { return nil }
        for line in lines.dropFirst().dropLast() {
            let words = line.split(separator: " ").map(String.init)
            if let key = words.first { fields[key] = Array(words.dropFirst()) }
        }
    }

    subscript(key: String) -> [String]? { fields[key] }

    func number(_ key: String) -> Int64? { fields[key]?.first.flatMap { Int64($0) } }

    func process(_ key: String) -> ProcessIdentity? {
        guard let words = fields[key], words.count == 2, let pid = Int32(words[0]), let start = UInt64(words[1]) else {
            return nil
        }
        return ProcessIdentity(pid: pid, startTime: start)
    }
}
