internal import APIClient
internal import Basics
internal import Glibc
internal import Linux
internal import Model

/// A command that runs elsewhere, on this process's standard streams.
struct RemoteCommand {
    /// Bytes of input sent at a time.
    private static let pieceBytes = 16 << 10
    /// Between two signs of life; 10 s, as Nomad's client has it.
    private static let beatInterval = Duration.seconds(10)

    let command: RunningCommand
    let isTerminal: Bool
    let sendsInput: Bool
    /// Ends the session when typed before a dot at the beginning of a line; nil for nothing that does.
    let escape: UInt8?

    private enum Event: Sendable {
        case exited(Int)
        case left
        case signal(Int32)
    }

    /// Carries input and output until the command has ended; its exit code.
    func run() async throws -> Int {
        let before = isTerminal ? Terminal.makeRaw(STDIN_FILENO) : nil
        defer { if let before { Terminal.restore(STDIN_FILENO, before) } }
        let signals = isTerminal ? SignalStream.of([SIGWINCH, SIGTERM, SIGHUP]) : nil
        // Before anything that is typed: what runs first may ask for it.
        if isTerminal { try await sendSize() }
        let event = try await withThrowingTaskGroup(of: Event.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await showOutput() }
            group.addTask { try await beat() }
            group.addTask { try await sendInput() }
            if let signals { group.addTask { try await watch(signals) } }
            guard let event = try await group.next() else { throw CancellationError() }
            return event
        }
        switch event {
        case .exited(let code): return code
        case .left:
            if let before { Terminal.restore(STDIN_FILENO, before) }
            Console.fail("\nConnection closed")
            return 1
        case .signal(let number): return 128 + Int(number)
        }
    }

    private func showOutput() async throws -> Event {
        while let output = try await command.next() {
            if !output.standardOutput.isEmpty { Console.raw(output.standardOutput) }
            if !output.standardError.isEmpty { Console.rawError(output.standardError) }
            if let code = output.exitCode { return .exited(code) }
        }
        throw CommandError("the connection ended before the command did")
    }

    private func sendInput() async throws -> Event {
        if sendsInput {
            let input = try SharedInput(STDIN_FILENO, blocking: BlockingThreads())
            var filter = isTerminal ? escape.map { EscapeFilter($0) } : nil
            while true {
                let bytes = try await input.read(count: RemoteCommand.pieceBytes)
                if bytes.isEmpty { break }
                let (passed, isEnd) = filter?.filter(bytes) ?? (bytes, false)
                if !passed.isEmpty { try await command.send(CommandInput(data: passed)) }
                if isEnd { return .left }
            }
        }
        try await command.send(CommandInput(isEnd: true))
        return try await stay()
    }

    private func beat() async throws -> Event {
        while true {
            try await SystemTime().sleep(for: RemoteCommand.beatInterval)
            try await command.send(CommandInput())
        }
    }

    /// Tells the size of the terminal whenever it changes; what would end this process ends the session first.
    private func watch(_ signals: AsyncStream<Int32>) async throws -> Event {
        for await number in signals {
            guard number == SIGWINCH else { return .signal(number) }
            try await sendSize()
        }
        return try await stay()
    }

    private func sendSize() async throws {
        guard let size = Terminal.size(STDOUT_FILENO) ?? Terminal.size(STDIN_FILENO) else { return }
        try await command.send(CommandInput(size: TerminalSize(rows: size.rows, columns: size.columns)))
    }

    /// Waits for the end of the session.
    private func stay() async throws -> Event {
        while true { try await SystemTime().sleep(for: .seconds(3_600)) }
    }
}
