internal import Basics
internal import Linux
internal import Model
internal import PluginHost
internal import RPC

/// One program that runs inside a task for a caller, from its start to its end.
struct CommandSession: Sendable {
    /// Bytes of one piece of output at most.
    private static let pieceBytesMax = 32 << 10
    /// Between two signs of life; 10 s.
    private static let beatInterval = Duration.seconds(10)
    /// How often, and how many times, a driver is told the size of a terminal that it does not know yet.
    private static let resizePause = Duration.milliseconds(20)
    private static let resizesMax = 250

    let driver: any Driver
    let taskID: String
    let command: TaskCommand
    let channel: any CommandChannel
    let seam: Seam

    private enum Part: Sendable {
        case ended(TaskExit)
        case outputRead
        case callerGone
    }

    /// Runs the program until it has ended and all that it wrote was handed on, or until the caller is gone.
    func run() async throws {
        let streams = try CommandStreams(isTerminal: command.isTerminal)
        var request = ExecRequest(
            id: "\(seam.random.id())", arguments: command.arguments, input: streams.inner[0],
            output: streams.inner[1], error: streams.inner[2])
        request.terminal = command.isTerminal
        try await withThrowingTaskGroup(of: Part.self) { [request] group in
            defer { group.cancelAll() }
            group.addTask {
                // Returns only when the program has ended, also when cancelled; until then the descriptors are lent.
                defer { streams.closeInner() }
                return .ended(try await driver.exec(taskID, request))
            }
            for output in streams.outputs {
                group.addTask {
                    try await handOn(output.stream, isError: output.isError)
                    return .outputRead
                }
            }
            group.addTask {
                try await feed(streams, request.id)
                return .callerGone
            }
            group.addTask { try await beat() }
            do {
                try await follow(&group, outputs: streams.outputs.count)
            } catch {
                await channel.end(CallError(command: error))
                throw error
            }
            await channel.end(nil)
        }
    }

    private func follow(_ group: inout ThrowingTaskGroup<Part, any Error>, outputs: Int) async throws {
        var (left, exit): (Int, TaskExit?) = (outputs, nil)
        while let part = try await group.next() {
            switch part {
            case .ended(let end): exit = end
            case .outputRead: left -= 1
            case .callerGone: return
            }
            guard left == 0, let exit else { continue }
            if let error = exit.error { throw CallError(.failed, error) }
            let code = exit.signal > 0 ? 128 + exit.signal : exit.code
            return try await channel.send(CommandOutput(exitCode: code))
        }
    }

    private func handOn(_ stream: AsyncDescriptor, isError: Bool) async throws {
        while true {
            let bytes = try await stream.read(count: CommandSession.pieceBytesMax)
            guard !bytes.isEmpty else { return }
            try await channel.send(
                isError ? CommandOutput(standardError: bytes) : CommandOutput(standardOutput: bytes))
        }
    }

    /// Gives the program what its caller says, in its order, until the caller is gone.
    private func feed(_ streams: CommandStreams, _ id: String) async throws {
        while let input = try await channel.next() {
            if let size = input.size, command.isTerminal {
                streams.setSize(size)
                try await resize(id, size)
            }
            if !input.data.isEmpty { try await streams.write(input.data) }
            if input.isEnd { try await streams.endInput() }
        }
    }

    /// Signs of life, which also find out that the caller is gone while the program reads nothing.
    private func beat() async throws -> Part {
        while true {
            try await seam.time.sleep(for: CommandSession.beatInterval)
            try await channel.send(CommandOutput())
        }
    }

    /// Tells the driver, whose program may be on a terminal of its own. One that is only being started is waited for: what is typed
    /// after a size must find it set.
    private func resize(_ id: String, _ size: TerminalSize) async throws {
        for _ in 0..<CommandSession.resizesMax {
            do {
                return try await driver.resize(exec: id, rows: size.rows, columns: size.columns)
            } catch let error as PluginError {
                guard error.code == .notFound else { return }
                try await seam.time.sleep(for: CommandSession.resizePause)
            }
        }
    }
}
