internal import Basics
internal import CDroverABI
internal import Linux
internal import Synchronization

/// drover.log/1: at most 1,000 lines a second and 16 KiB a line; what is dropped is counted and told with the next line.
final class LogInterface: HostInterface {
    let id = DROVER_LOG_1
    private let services: any HostServices
    private let clock: any PluginClock
    private let window = Mutex<(second: Int64, lines: Int, dropped: Int)>((0, 0, 0))

    static let linesPerSecondMax = 1_000
    static let lineBytesMax = 16 << 10

    init(services: any HostServices, clock: any PluginClock) {
        self.services = services
        self.clock = clock
    }

    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult {
        let message = arguments.text(1)
        let fields = arguments.text(2)
        let second = clock.monotonic / 1_000_000_000
        let fits = message.length + fields.length <= UInt64(LogInterface.lineBytesMax)
        let dropped = window.withLock { window -> Int? in
            if window.second != second { window = (second, 0, window.dropped) }
            guard fits, window.lines < LogInterface.linesPerSecondMax else {
                window.dropped += 1
                return nil
            }
            window.lines += 1
            defer { window.dropped = 0 }
            return window.dropped
        }
        guard let dropped else { return .none }
        if dropped > 0 {
            services.log(
                level: DROVER_LOG_WARN, message: "the plug-in logged too much; \(dropped) lines dropped", fields: [])
        }
        services.log(
            level: arguments.i32(0), message: String(decoding: Array(message), as: UTF8.self), fields: Array(fields))
        return .none
    }
}

/// drover.metrics/1.
final class MetricsInterface: HostInterface {
    let id = DROVER_METRICS_1
    private let services: any HostServices

    init(services: any HostServices) { self.services = services }

    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult {
        guard let kind = MetricKind(rawValue: operation) else { return .none }
        let name = arguments.text(0)
        let labels = arguments.text(2)
        guard name.length <= 256, labels.length <= 4 << 10 else { return .none }
        services.metric(
            kind, name: String(decoding: Array(name), as: UTF8.self), value: arguments.f64(1), labels: Array(labels))
        return .none
    }
}

/// drover.event/1.
final class EventInterface: HostInterface {
    let id = DROVER_EVENT_1
    private let services: any HostServices
    private let folders: TaskFolders

    static let messageBytesMax: UInt64 = 4 << 10

    init(services: any HostServices, folders: TaskFolders) {
        self.services = services
        self.folders = folders
    }

    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult {
        let first = arguments.text(0)
        guard first.length <= EventInterface.messageBytesMax else { return .code(DROVER_E_LIMIT) }
        let text = String(decoding: Array(first), as: UTF8.self)
        guard operation == 0 else {
            guard ["fingerprint", "devices", "health"].contains(text) else { return .code(DROVER_E_INVALID) }
            services.changed(text)
            return .code(DROVER_OK)
        }
        let message = arguments.text(1)
        let details = arguments.text(2)
        guard message.length <= EventInterface.messageBytesMax, details.length <= EventInterface.messageBytesMax else {
            return .code(DROVER_E_LIMIT)
        }
        guard folders.folders(of: text) != nil else { return .code(DROVER_E_NOT_FOUND) }
        services.taskEvent(
            id: text, message: String(decoding: Array(message), as: UTF8.self), details: Array(details))
        return .code(DROVER_OK)
    }
}

/// drover.dirs/1.
final class FoldersInterface: HostInterface {
    let id = DROVER_DIRS_1
    private let identity: PluginIdentity
    private let folders: TaskFolders

    init(identity: PluginIdentity, folders: TaskFolders) {
        self.identity = identity
        self.folders = folders
    }

    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult {
        operation == 0 ? .code(task(arguments)) : .code(own(arguments.sink(0)))
    }

    private func task(_ arguments: HostArguments) -> Int32 {
        let id = String(decoding: Array(arguments.text(0)), as: UTF8.self)
        let name = String(decoding: Array(arguments.text(1)), as: UTF8.self)
        let out = arguments.sink(2)
        guard let folders = folders.folders(of: id) else {
            return out.fail(DROVER_E_NOT_FOUND, "task \"\(id)\" was not started by this instance")
        }
        guard let path = folders[name] else {
            return out.fail(DROVER_E_INVALID, "\"\(name)\" is no folder; use alloc, task, local, secrets or logs")
        }
        return out.write(bytes: Array(path.utf8))
    }

    private func own(_ out: drover_sink) -> Int32 {
        do {
            try Folder.make(identity.folder + "/own")
            return out.write(bytes: Array((identity.folder + "/own").utf8))
        } catch {
            return out.fail(DROVER_E_IO, "\(error)")
        }
    }
}

/// drover.executor/1 over the shim.
final class ExecutorInterface: HostInterface {
    let id = DROVER_EXECUTOR_1
    private let executor: ShimExecutor

    init(_ executor: ShimExecutor) { self.executor = executor }

    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult {
        switch arguments.signature.name {
        case "launch": executor.launch(arguments.text(0), arguments.text(1), arguments.call(2))
        case "recover": executor.recover(arguments.text(0), arguments.text(1), arguments.call(2))
        case "wait": executor.wait(arguments.text(0), arguments.call(1))
        case "stop":
            executor.stop(arguments.text(0), arguments.text(1), arguments.i64(2), arguments.call(3))
        case "signal": return .code(executor.signal(arguments.text(0), arguments.text(1), arguments.sink(2)))
        case "exec":
            executor.exec(
                arguments.text(0), arguments.text(1), arguments.text(2), arguments.i32(3), arguments.i32(4),
                arguments.i32(5), arguments.call(6))
        case "resize":
            return .code(
                executor.resize(arguments.text(0), arguments.i32(1), arguments.i32(2), arguments.sink(3)))
        case "stats": return .code(executor.stats(arguments.text(0), arguments.sink(1)))
        case "destroy": return .code(executor.destroy(arguments.text(0), arguments.i32(1), arguments.sink(2)))
        default: return .code(executor.inspect(arguments.text(0), arguments.sink(1)))
        }
        return .none
    }
}

/// drover.scorers/1.
final class ScorersInterface: HostInterface {
    let id = DROVER_SCORERS_1
    private let services: any HostServices

    init(services: any HostServices) { self.services = services }

    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult {
        guard operation == 1 else { return reply(services.listScorers(), arguments.sink(0)) }
        let out = arguments.sink(2)
        guard let columns = arguments.block(1) else {
            return .code(out.fail(DROVER_E_INVALID, "the columns are null"))
        }
        let head = columns.load(as: drover_block.self)
        guard head.length >= UInt64(MemoryLayout<drover_score_columns>.size), head.length <= 1 << 32 else {
            return .code(out.fail(DROVER_E_INVALID, "the block's length is \(head.length)"))
        }
        let name = String(decoding: Array(arguments.text(0)), as: UTF8.self)
        return reply(services.score(name, columns: Block(base: columns, length: Int(head.length))), out)
    }

    private func reply(_ answer: Answer, _ out: drover_sink) -> HostResult {
        let written = out.write(bytes: answer.bytes)
        guard answer.code == 0 else {
            return .code(answer.code >= DROVER_E_ABI && answer.code < 0 ? answer.code : DROVER_E_INTERNAL)
        }
        return .code(written)
    }
}
