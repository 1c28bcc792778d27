internal import Glibc
internal import Linux
internal import Model
internal import Synchronization

/// The standard streams of a program inside a task: three pipes, or one terminal.
final class CommandStreams: Sendable {
    /// What the program writes; of a terminal there is one.
    let outputs: [(stream: AsyncDescriptor, isError: Bool)]
    /// The program's ends, in the order of its descriptors; open until ``closeInner()``.
    let inner: [Int32]
    private let innerFiles: Mutex<[FileDescriptor]>
    private let input: Mutex<AsyncDescriptor?>
    private let terminal: AsyncDescriptor?

    init(isTerminal: Bool) throws {
        guard !isTerminal else {
            let (outer, inner) = try Terminal.open()
            let terminal = try AsyncDescriptor(outer)
            self.terminal = terminal
            outputs = [(terminal, false)]
            input = Mutex(terminal)
            self.inner = [inner.number, inner.number, inner.number]
            innerFiles = Mutex([inner])
            return
        }
        let pipes = try (0..<3).map { _ in try FileDescriptor.pipe() }
        terminal = nil
        outputs = [(try AsyncDescriptor(pipes[1].read), false), (try AsyncDescriptor(pipes[2].read), true)]
        input = Mutex(try AsyncDescriptor(pipes[0].write))
        let files = [pipes[0].read, pipes[1].write, pipes[2].write]
        inner = files.map(\.number)
        innerFiles = Mutex(files)
    }

    /// Gives bytes to the program; waits while it reads none. What a program that reads no more is sent is dropped.
    func write(_ bytes: [UInt8]) async throws {
        guard let stream = input.withLock({ $0 }) else { return }
        do {
            try await stream.write(bytes)
        } catch is LinuxError {
            input.withLock { $0 = nil }
        }
    }

    /// Ends the program's input; on a terminal as Ctrl-D does.
    func endInput() async throws {
        if terminal != nil { try await write([4]) }
        input.withLock { $0 = nil }
    }

    func setSize(_ size: TerminalSize) {
        // It fails only where there is no such terminal any more.
        if let terminal { try? Terminal.setSize(terminal.number, rows: size.rows, columns: size.columns) }
    }

    /// The program has ended: what it wrote is read yet, and nothing that others may write.
    func closeInner() {
        innerFiles.withLock { $0 = [] }
        for output in outputs { output.stream.endWhenDry() }
    }
}
