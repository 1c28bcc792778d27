import Basics
import CDroverABI
import PluginHost
import PluginHostTestSupport
import Testing

/// As the simulation runs plug-ins: in this process, on the caller's thread, with the seam's time.
@Suite struct InlineTests {
    @Test func everythingRunsInTheAgentOnTheSeamsClock() async throws {
        let driver = try PluginBuilder.library("Tests/PluginHostTests/Plugins/driver.c")
        let scheduler = try PluginBuilder.library("Tests/PluginHostTests/Plugins/scheduler.c")
        let configure: (inout PluginHostConfiguration) -> Void = { configuration in
            configuration.callsInline = true
            configuration.hostProgram = "/nonexistent"
        }
        try await withHost([(driver, "driver.so"), (scheduler, "s.so")], configure: configure) { host, _ in
            #expect(host.status.map(\.state) == ["running", "running"])
            #expect(host.status.map(\.isolation) == ["agent", "agent"])
            let driver = try #require(host.driver(named: "faulty"))
            _ = try await driver.start(TaskSpec(id: "t1"))
            // `stop` of this driver sleeps on drover.clock/1, which the host's run() serves.
            try await driver.stop("t1", signal: "", timeout: .zero)
            #expect(try await driver.wait("t1").code == 5)
            let scheduler = try #require(host.scheduler(named: "wayward"))
            let view = try ViewBuilder.view(nodes: 3, shared: false)
            let records = try scheduler.place(
                view: view, batch: ViewBuilder.batch(count: 1, seed: 1), deadline: Uptime(nanoseconds: .max))
            #expect(ViewBuilder.placements(records).map(\.node) == [2])
        }
    }
}
