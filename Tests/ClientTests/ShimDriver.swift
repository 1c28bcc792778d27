import Basics
import Client
import Foundation
import Linux
import Model
import PluginHost
import RPC
import Testing

/// raw_exec in a few lines: a driver straight on the executor, so that client, executor and shim are tested together.
struct ShimDriver: Driver {
    let name = "fake"
    let capabilities = DriverCapabilities()
    let taskSchema: JSON? = nil
    let executor: ShimExecutor

    init(_ folder: String) {
        executor = ShimExecutor(.init(runRoot: folder + "/run", cgroupParent: "drover-test"))
    }

    private func ask(_ body: (ClosureCall) -> Void) async throws -> JSON {
        let (code, bytes) = await withCheckedContinuation { continuation in
            body(ClosureCall { continuation.resume(returning: ($0, $1)) })
        }
        guard code == 0 else { throw PluginError(abiCode: code, message: String(decoding: bytes, as: UTF8.self)) }
        return try JSONParser.parse(bytes)
    }

    func fingerprint() async throws -> DriverFingerprint {
        var found = DriverFingerprint()
        found.health = .healthy
        return found
    }

    func start(_ task: TaskSpec) async throws -> TaskHandle {
        let argv: [JSON] = [.string("/bin/sh"), .string("-c"), .string(task.config["command"]?.string ?? "")]
        let spec = JSON.object([("argv", .array(argv)), ("limits", .object([("enforce", .bool(false))]))])
        let answer = try await ask { executor.launch(task: task.document, spec: spec.bytes, call: $0) }
        return TaskHandle(bytes: answer["handle"]?.bytes ?? [])
    }

    func recover(_ task: TaskSpec, handle: TaskHandle?) async throws -> TaskHandle {
        let answer = try await ask { executor.recover(task: task.document, handle: handle?.bytes ?? [], call: $0) }
        return TaskHandle(bytes: answer["handle"]?.bytes ?? [])
    }

    func wait(_ taskID: String) async throws -> TaskExit {
        let call = OneCall()
        let answer = try await withTaskCancellationHandler {
            try await ask {
                call.set($0)
                executor.wait(id: taskID, call: $0)
            }
        } onCancel: {
            call.cancel()
        }
        return TaskExit(
            code: Int(answer["exit_code"]?.integer ?? 0), signal: Int(answer["signal"]?.integer ?? 0),
            oomKilled: answer["oom_killed"]?.bool ?? false, error: answer["error"]?.string)
    }

    func stop(_ taskID: String, signal: String, timeout: Duration) async throws {
        _ = try await ask {
            executor.stop(id: taskID, signal: signal, timeoutNanoseconds: timeout.nanosecondCount, call: $0)
        }
    }

    func signal(_ taskID: String, _ signal: String) async throws { try executor.signal(id: taskID, signal: signal) }

    func stats(_ taskIDs: [String]) async throws -> [TaskStats] { [] }

    func destroy(_ taskID: String, force: Bool) async throws { try executor.destroy(id: taskID, force: force) }

    func inspect(_ taskID: String) async throws -> JSON { .null }

    func exec(_ taskID: String, _ request: ExecRequest) async throws -> TaskExit { TaskExit() }

    func resize(exec id: String, rows: Int, columns: Int) async throws {}

    func createNetwork(_ allocation: String, hostname: String) async throws -> String { "" }

    func destroyNetwork(_ allocation: String) async throws {}
}

/// Passes a cancellation on to a call that may not have begun yet.
final class OneCall: @unchecked Sendable {
    private let lock = NSLock()
    private var call: ClosureCall?
    private var isCancelled = false

    func set(_ call: ClosureCall) {
        lock.lock()
        self.call = call
        let now = isCancelled
        lock.unlock()
        if now { call.cancel() }
    }

    func cancel() {
        lock.lock()
        isCancelled = true
        let call = call
        lock.unlock()
        call?.cancel()
    }
}

/// Client, executor and shim together, with real processes.
@Suite struct RealTaskTests {
    @Test func aTaskOutlivesItsClientAndIsStoppedByTheNext() async throws {
        var fixture = ClientFixture()
        defer { fixture.close() }
        fixture.drivers = [ShimDriver(fixture.folder)]
        var task = makeTask("server")
        task.config = .object([
            (
                "command",
                .string("trap 'echo bye; exit 0' TERM; echo port $NOMAD_PORT_http_api; while :; do sleep 0.01; done")
            )
        ])
        let allocation = makeAllocation(.service, [task])
        fixture.servers.place(allocation)
        let log = "\(fixture.folder)/alloc/\(allocation.id)/alloc/logs/server.stdout.0"
        let first = fixture
        try await fixture.run(try await fixture.client()) { _ in
            try await first.reported(allocation.id) { $0.clientStatus == .running }
            let isThere = try await first.eventually { SmallFile.text(log) == "port 23456" }
            #expect(isThere)
        }
        // Another client with another executor, as after a restart of everything.
        fixture.drivers = [ShimDriver(fixture.folder)]
        let second = fixture
        try await fixture.run(try await fixture.client()) { _ in
            second.servers.change(allocation.id) { $0.desiredStatus = .stop }
            let end = try await second.reported(allocation.id) { $0.clientStatus == .complete }
            #expect(
                end.taskStates["server"]?.events.first { $0.type == "Terminated" }?.displayMessage == "Exit Code: 0")
            #expect(SmallFile.text(log) == "port 23456\nbye")
        }
        #expect(Folder.names(fixture.folder + "/run").isEmpty)
    }

    /// The client is dropped at many moments of a task's life, and each time another one goes on: every run of the task is one that
    /// was reported, and no two overlap.
    @Test func aClientDroppedAtAnyMomentDoublesNothing() async throws {
        var fixture = ClientFixture()
        defer { fixture.close() }
        var task = makeTask("work")
        // The lock folder makes an overlap visible; the line counts the runs.
        let script =
            "mkdir \(fixture.folder)/one || echo overlap >> \(fixture.folder)/bad; "
            + "echo run >> \(fixture.folder)/runs; sleep 0.02; rmdir \(fixture.folder)/one"
        task.config = .object([("command", .string(script))])
        let allocations = (0..<12).map { _ in makeAllocation(.batch, [task]) }
        for (turn, allocation) in allocations.enumerated() {
            fixture.servers.place(allocation)
            var dropped = 0
            while fixture.servers.latest(allocation.id)?.clientStatus != .complete {
                fixture.drivers = [ShimDriver(fixture.folder)]
                let current = fixture
                let patience = Duration.milliseconds(5 + (turn * 7 + dropped * 13) % 60)
                try await fixture.run(try await fixture.client()) { _ in
                    for _ in 0..<Int(patience.nanosecondCount / 1_000_000) {
                        if current.servers.latest(allocation.id)?.clientStatus == .complete { return }
                        try await Task.sleep(for: .milliseconds(1))
                    }
                }
                dropped += 1
                try #require(dropped < 200, "the task never completes")
            }
        }
        let runs = (SmallFile.text(fixture.folder + "/runs") ?? "").split(separator: "\n").count
        #expect(runs == allocations.count)
        #expect(!SmallFile.exists(fixture.folder + "/bad"))
    }
}
