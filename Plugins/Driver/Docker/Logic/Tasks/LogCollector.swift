internal import DroverSDK
internal import Glibc
internal import Synchronization

/// Where the output of a task goes: the document's "logs".
struct LogTarget: Equatable, Sendable {
    var folder: String
    var output: String
    var error: String
    var filesMax: Int64
    var fileBytesMax: Int64

    /// `nil` when the document wants no output collected.
    init?(_ logs: JSON?) {
        guard let logs, logs["enabled"]?.bool != false, let folder = logs["dir"]?.string, folder.hasPrefix("/"),
            let output = logs["stdout"]?.string, let error = logs["stderr"]?.string, !output.isEmpty, !error.isEmpty,
            !output.contains("/"), !error.contains("/")
        else { return nil }
        self.folder = folder
        self.output = output
        self.error = error
        filesMax = logs["files_max"]?.integer ?? 10
        fileBytesMax = logs["file_bytes_max"]?.integer ?? 10 << 20
    }
}

/// Copies the output of one container into its task's rotated files, from where the last copy ended.
///
/// One connection a running container, and no thread: the engine sends what there is and then what comes.
struct LogCollector: Sendable {
    let client: EngineClient
    let container: String
    let isTerminal: Bool
    let target: LogTarget
    /// Path of the file that keeps the position.
    let positionFile: String
    let progress: LogProgress
    let speaker: @Sendable () async -> Speaker
    /// For what users should know.
    let tell: @Sendable (String) -> Void

    /// What is known of the container.
    enum Speaker: Sendable {
        /// It may say more; so may one whose engine is away.
        case living
        /// It has said all, not all of which may have been copied.
        case ended
        /// Nobody keeps, or wants, what it said.
        case gone
    }

    /// Returns when the container has ended and all that it said has been copied, or when cancelled.
    func run() async {
        let folder = open(target.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else {
            return tell("Output is not kept: \(target.folder): \(String(cString: strerror(errno)))")
        }
        defer { close(folder) }
        var copy = LogCopy(target, folder: folder, positionFile: positionFile, isTerminal: isTerminal)
        defer { copy.close() }
        // Whether it had ended before what there is of its output was asked for. A stream that ends says nothing of that: the engine ends
        // it when it goes itself, before the container has said its last words.
        var hadEnded = false
        while !Task.isCancelled {
            do {
                try await follow(&copy)
                if hadEnded { return }
            } catch let error as PluginError where error.code != .retry {
                return tell("Output is not kept: \(error.message)")
            } catch {
                // The engine went away: it may come back with the container.
            }
            switch await speaker() {
            case .gone: return
            case .ended where !hadEnded: hadEnded = true
            case .living, .ended:
                guard (try? await client.clock.pause(nanoseconds: 200_000_000)) != nil else { return }
            }
        }
    }

    private func follow(_ copy: inout LogCopy) async throws {
        var request = EngineRequest(
            "GET", "/containers/\(container)/logs",
            ["follow": "1", "stdout": "1", "stderr": "1", "timestamps": "1"])
        let since = copy.begin(now: client.clock.wall)
        if since > 0 { request.query.append(("since", LogTime.parameter(since))) }
        let stream = try await client.open(request)
        defer { stream.close() }
        guard stream.head.status == 200 else {
            let text = String(decoding: try await stream.all(max: 64 << 10), as: UTF8.self)
            let message = (try? JSON(parsing: text))?["message"]?.string ?? text
            throw EngineClient.failure(stream.head.status, message, "the engine gives none")
        }
        while true {
            let part = try await stream.next()
            if part.isEmpty { break }
            progress.note(part.count)
            try copy.feed(part)
        }
        copy.end()
    }
}

/// How much the engine has sent of a container's output.
final class LogProgress: Sendable {
    private let bytes = Atomic(0)

    var count: Int { bytes.load(ordering: .relaxed) }

    func note(_ count: Int) { bytes.wrappingAdd(count, ordering: .relaxed) }
}

/// The files of one container's output and how far they are.
struct LogCopy {
    private var output: RotatedLog
    private var error: RotatedLog
    private var position: LogPosition
    private let positionFile: Int32
    private let isTerminal: Bool
    private var frames = FrameDecoder()
    /// Of a terminal: what has come of a line.
    private var line: [UInt8] = []

    /// Bytes of a terminal's line that are kept together.
    static let lineBytesMax = 1 << 20

    /// `folder` is a descriptor of the log folder, borrowed.
    init(_ target: LogTarget, folder: Int32, positionFile: String, isTerminal: Bool) {
        self.isTerminal = isTerminal
        self.positionFile = open(positionFile, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = pread(self.positionFile, &buffer, buffer.count, 0)
        let known = LogPosition(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
        position = known ?? LogPosition()
        func log(_ name: String, _ known: RotatedLog.Position?) -> RotatedLog {
            RotatedLog(
                folder: folder, name: name, filesMax: target.filesMax, bytesMax: target.fileBytesMax, known: known)
        }
        output = log(target.output, known?.output.log)
        error = log(target.error, known?.error.log)
        position.output.log = output.position
        position.error.log = error.position
        save()
    }

    mutating func close() {
        output.close()
        error.close()
        if positionFile >= 0 { Glibc.close(positionFile) }
    }

    /// A connection begins at the time `now`; from when on messages are wanted, 0: all.
    mutating func begin(now: Int64) -> Int64 {
        frames = FrameDecoder()
        line = []
        position.output.reconnect()
        position.error.reconnect()
        return position.since(now: now)
    }

    /// Takes in what the engine sends.
    mutating func feed(_ bytes: [UInt8]) throws(PluginError) {
        if isTerminal {
            for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
                if part.offset > 0 {
                    line.append(UInt8(ascii: "\n"))
                    finishLine()
                }
                line += part.element
                if line.count > Self.lineBytesMax { finishLine() }
            }
        } else {
            for frame in try frames.feed(bytes) { message(frame.content, isError: frame.stream == .error) }
        }
        save()
    }

    /// The connection has ended.
    mutating func end() {
        finishLine()
        save()
    }

    private mutating func finishLine() {
        defer { line = [] }
        if !line.isEmpty { message(line[...], isError: false) }
    }

    /// One message: its time, a blank, and what the task said.
    private mutating func message(_ bytes: ArraySlice<UInt8>, isError: Bool) {
        let stamp = bytes.prefix(41).prefix { $0 != UInt8(ascii: " ") }
        guard let time = LogTime.parse(Substring(decoding: stamp, as: UTF8.self)) else { return }
        let content = bytes.dropFirst(stamp.count + 1)
        if isError {
            guard position.error.takes(time) else { return }
            error.write(content)
            position.error.log = error.position
        } else {
            guard position.output.takes(time) else { return }
            output.write(content)
            position.output.log = output.position
        }
    }

    private func save() {
        // One write of a short text that never gets much shorter: blanks fill what an earlier one was longer by.
        let text = position.text
        let bytes = Array(
            (String(text.dropLast()) + String(repeating: " ", count: max(0, 200 - text.utf8.count)) + "\n").utf8)
        _ = bytes.withUnsafeBytes { pwrite(positionFile, $0.baseAddress, $0.count, 0) }
    }
}
