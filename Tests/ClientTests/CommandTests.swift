import Basics
import Client
import Model
import PluginHost
import RPC
import Synchronization
import Testing

/// Which programs a client runs inside tasks, with a driver that runs none.
@Suite struct CommandTests {
    private final class NoCaller: CommandChannel {
        func next() async throws -> CommandInput? { nil }
        func send(_ output: CommandOutput) async throws {}
    }

    @Test func whatCannotBeRunIsSaid() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.batch, [makeTask("web"), makeTask("done")])
        fixture.driver.script("done", TaskExit(code: 0))
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { client in
            try await fixture.reported(allocation.id) {
                $0.taskStates["done"]?.state == .dead && $0.taskStates["web"]?.state == .running
            }
            #expect(client.namespace(ofAllocation: allocation.id) == "default")
            #expect(client.namespace(ofAllocation: ID(high: 1, low: 1)) == nil)
            let rows: [(ID, String, [String], CallError.Code, String)] = [
                (ID(high: 1, low: 1), "web", ["ls"], .notFound, "Unknown allocation"),
                (allocation.id, "wab", ["ls"], .notFound, "its tasks are web, done"),
                (allocation.id, "done", ["ls"], .invalid, "task \"done\" is not running"),
                (allocation.id, "web", [], .invalid, "1 to 4096 words"),
                (allocation.id, "web", ["a\u{0}b"], .invalid, "NUL"),
                (allocation.id, "web", ["ls"], .unsupported, "driver \"fake\" cannot run commands inside a task"),
            ]
            for (id, task, words, code, text) in rows {
                var command = TaskCommand()
                (command.allocation, command.task, command.arguments) = (id, task, words)
                let asked = command
                let error = await #expect(throws: CallError.self) { try await client.run(asked, over: NoCaller()) }
                #expect(error?.code == code && error?.message.contains(text) == true, "\(error?.message ?? "")")
            }
        }
    }
}
