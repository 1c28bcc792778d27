package import Basics
internal import Glibc
package import Logging
internal import Synchronization

/// Where log lines go, and in which form: one per agent, shared by all its loggers.
///
/// A line is written whole under a lock; standard error is the default place, a rotated file the other.
package final class LogOutput: Sendable {
    package enum Form: Sendable {
        /// `2026-01-02T15:04:05.000Z [INFO]  server.raft: became leader: term=2`
        case text
        /// One JSON object a line with `@level`, `@message`, `@module`, `@timestamp` and the metadata.
        case json
    }

    private let form: Form
    private let level: Mutex<Logger.Level>
    private let file: Mutex<LogFile?>
    private let now: @Sendable () -> Timestamp

    package init(form: Form, level: Logger.Level, file: LogFile? = nil, now: @escaping @Sendable () -> Timestamp) {
        self.form = form
        self.level = Mutex(level)
        self.file = Mutex(file)
        self.now = now
    }

    /// The level new and existing loggers obey; changed by a reload.
    package var currentLevel: Logger.Level {
        get { level.withLock { $0 } }
        set { level.withLock { $0 = newValue } }
    }

    /// A logger for one part of the agent, such as `server.raft`.
    package func logger(_ label: String) -> Logger {
        Logger(label: label, factory: { LogLineHandler(label: $0, output: self) })
    }

    fileprivate func write(_ entry: LogEntryText) {
        var line = form == .json ? entry.json(at: now()) : entry.text(at: now())
        line.append(0x0a)
        file.withLock { file in
            if file != nil { file?.append(line) } else { LogOutput.writeAll(line, to: STDERR_FILENO) }
        }
    }

    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }
}

/// The handler behind every logger of a ``LogOutput``.
private struct LogLineHandler: LogHandler {
    let label: String
    let output: LogOutput
    var metadata: Logger.Metadata = [:]
    /// Set on one logger only; without it the output's level counts, which a reload may change.
    private var ownLevel: Logger.Level?

    var logLevel: Logger.Level {
        get { ownLevel ?? output.currentLevel }
        set { ownLevel = newValue }
    }

    init(label: String, output: LogOutput) {
        self.label = label
        self.output = output
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let merged = metadata.merging(event.metadata ?? [:]) { _, new in new }
        output.write(
            LogEntryText(
                level: event.level, label: label, message: event.message.description,
                fields: merged.map { ($0.key, $0.value.description) }.sorted { $0.0 < $1.0 }))
    }
}

/// One log entry on its way to text.
private struct LogEntryText {
    let level: Logger.Level
    let label: String
    let message: String
    let fields: [(String, String)]

    private var levelName: String {
        switch level {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARN"
        case .error, .critical: "ERROR"
        }
    }

    func text(at time: Timestamp) -> [UInt8] {
        let name = "[\(levelName)]"
        var line = "\(milliseconds(time)) \(name)\(String(repeating: " ", count: 8 - name.count))\(label): \(message)"
        for (position, field) in fields.enumerated() {
            line += position == 0 ? ": " : " "
            let quoted = field.1.contains { $0 == " " || $0 == "\"" || $0.isNewline }
            line += quoted ? "\(field.0)=\(JSON.string(field.1).text)" : "\(field.0)=\(field.1)"
        }
        return Array(line.utf8)
    }

    func json(at time: Timestamp) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in [
            ("@level", levelName.lowercased()), ("@message", message), ("@module", label),
            ("@timestamp", milliseconds(time)),
        ] + fields {
            writer.key(key)
            writer.string(value)
        }
        writer.endObject()
        return writer.bytes
    }

    /// RFC 3339 with exactly three digits of fraction.
    private func milliseconds(_ time: Timestamp) -> String {
        let count = time.nanoseconds / 1_000_000 % 1000
        let whole = Timestamp(seconds: time.seconds).rfc3339.dropLast()
        return "\(whole).\(String(repeating: "0", count: count < 10 ? 2 : count < 100 ? 1 : 0))\(count)Z"
    }
}
