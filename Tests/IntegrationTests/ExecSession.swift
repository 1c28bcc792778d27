import Foundation
import Linux
import TestSupport

/// `drover alloc exec` as a user runs it, on files and a pipe or on a terminal.
final class ExecSession {
    private let process = Process()
    private let folder: TemporaryFolder
    private let input = Pipe()
    private let terminal: (outer: FileDescriptor, inner: FileDescriptor)?

    /// `arguments` follow `alloc exec -job -task TASK JOB`, or are all when `task` is nil.
    init(
        _ agent: AgentProcess, job: String, task: String? = "main", terminal isTerminal: Bool = false,
        _ arguments: [String]
    ) throws {
        folder = try TemporaryFolder("exec")
        terminal = isTerminal ? try Terminal.open() : nil
        var words = ["alloc", "exec", "-job"]
        if let task { words += ["-task", task] }
        words += [job] + arguments
        process.environment = [
            "DROVER_ADDR": "http://127.0.0.1:\(agent.httpPort)", "SWIFT_BACKTRACE": "enable=no",
            "PATH": "/usr/bin:/bin",
        ]
        if let terminal {
            try Terminal.setSize(terminal.outer.number, rows: 30, columns: 100)
            let end = FileHandle(fileDescriptor: terminal.inner.number, closeOnDealloc: false)
            (process.standardInput, process.standardOutput, process.standardError) = (end, end, end)
            // With a session and a terminal of its own, as a login shell gives it.
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
            process.arguments = ["--ctty", "--wait", Binaries.folder + "/drover"] + words
        } else {
            for name in ["out", "err"] { try folder.write(name, "") }
            process.standardInput = input
            process.standardOutput = FileHandle(forWritingAtPath: folder.path + "/out")
            process.standardError = FileHandle(forWritingAtPath: folder.path + "/err")
            process.executableURL = URL(fileURLWithPath: Binaries.folder + "/drover")
            process.arguments = words
        }
        try process.run()
    }

    deinit { if process.isRunning { kill() } }

    var output: String {
        if let terminal { seen += Self.available(terminal.outer.number) }
        return terminal == nil ? (try? folder.read("out")) ?? "" : String(decoding: seen, as: UTF8.self)
    }

    var errors: String { (try? folder.read("err")) ?? "" }
    private var seen: [UInt8] = []

    /// What has been written to a terminal and not been read yet.
    private static func available(_ terminal: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var entry = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 0) == 1, entry.revents & Int16(POLLIN) != 0 {
            var part = [UInt8](repeating: 0, count: 4_096)
            let count = read(terminal, &part, part.count)
            if count <= 0 { break }
            bytes += part.prefix(count)
        }
        return bytes
    }

    func type(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard let terminal else { return try input.fileHandleForWriting.write(contentsOf: Data(bytes)) }
        try terminal.outer.write(bytes)
    }

    func endInput() throws { try input.fileHandleForWriting.close() }

    func resize(rows: Int, columns: Int) throws {
        if let terminal { try Terminal.setSize(terminal.outer.number, rows: rows, columns: columns) }
    }

    /// Waits until it has said `text`.
    func says(_ text: String) throws {
        try eventually("it says \(text)", details: { "\(self.output)\n\(self.errors)" }) { output.contains(text) }
    }

    /// Its exit code, or 128 and the signal that ended it.
    func wait() throws -> Int32 {
        try eventually("the session ends", seconds: 30, details: { "\(self.output)\n\(self.errors)" }) {
            _ = output
            return !process.isRunning
        }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// Ends it without a word.
    func kill() {
        // On a terminal `setsid --wait` has started another.
        for pid in ProcessTable.tree(process.processIdentifier) { Foundation.kill(pid, SIGKILL) }
        process.waitUntilExit()
    }
}
