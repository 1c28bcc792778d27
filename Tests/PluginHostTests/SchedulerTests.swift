import Basics
import CDroverABI
import Glibc
import PluginHost
import PluginHostTestSupport
import Testing

/// A scheduler behaves alike in the agent and in its own process; in its own it may do anything.
@Suite struct SchedulerTests {
    private static let source = "Tests/PluginHostTests/Plugins/scheduler.c"

    private func soon(_ milliseconds: Int64 = 5_000) -> Uptime {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        return Uptime(nanoseconds: now + milliseconds * 1_000_000)
    }

    @Test(arguments: [(PluginIsolation.process, true), (.process, false), (.agent, true), (.agent, false)])
    func placesOnTheView(isolation: PluginIsolation, shared: Bool) async throws {
        let library = try PluginBuilder.library(SchedulerTests.source)
        try await withHost([(library, "scheduler.so")], configure: isolated(isolation, "wayward")) { host, _ in
            #expect(host.schedulerNames == ["wayward"])
            let scheduler = try #require(host.scheduler(named: "wayward"))
            #expect(scheduler.kinds == ["service"])
            for generation in [5, 6] as [UInt64] {
                let view = try ViewBuilder.view(nodes: 100, generation: generation, shared: shared)
                let records = try scheduler.place(
                    view: view, batch: ViewBuilder.batch(count: 1, seed: 1), deadline: soon())
                let placements = ViewBuilder.placements(records)
                #expect(placements.map(\.node) == [99])
                #expect(placements.map(\.score) == [Int32(generation)])
            }
        }
    }

    @Test func seesSharedMemoryChangeWithoutACopy() async throws {
        let library = try PluginBuilder.library(SchedulerTests.source)
        try await withHost([(library, "scheduler.so")]) { host, _ in
            let scheduler = try #require(host.scheduler(named: "wayward"))
            let view = try ViewBuilder.view(nodes: 4, generation: 1, shared: true)
            let batch = ViewBuilder.batch(count: 1, seed: 1)
            for generation in 1...3 as ClosedRange<UInt64> {
                let memory = try #require(view.shared)
                memory.base.storeBytes(of: generation, toByteOffset: 16, as: UInt64.self)
                let records = try scheduler.place(view: view, batch: batch, deadline: soon())
                #expect(ViewBuilder.placements(records).map(\.score) == [Int32(generation)])
            }
        }
    }

    @Test(arguments: [
        (2, PluginError.Code.crashed, "signal 11 (SIGSEGV) during place"),
        (5, .crashed, "signal 6 (SIGABRT) during place"),
        (3, .deadline, "plug-in wayward: place did not answer by its deadline"),
        (4, .garbage, "record at byte 0: unknown kind"),
        (6, .garbage, "record at byte 0: node 8 of 8"), (9, .garbage, "record at byte 0: group 3 of 1"),
        (7, .unsupported, "plug-in wayward, place: not today"),
        // The view is mapped read-only: writing to it is the plug-in's end, not ours.
        (8, .crashed, "signal 11 (SIGSEGV) during place"),
    ])
    func faultsCostThatCallOnly(seed: UInt64, code: PluginError.Code, text: String) async throws {
        let library = try PluginBuilder.library(SchedulerTests.source)
        try await withHost([(library, "scheduler.so")]) { host, _ in
            let scheduler = try #require(host.scheduler(named: "wayward"))
            let view = try ViewBuilder.view(nodes: 8, shared: true)
            let error = await pluginError {
                try scheduler.place(view: view, batch: ViewBuilder.batch(count: 1, seed: seed), deadline: soon(200))
            }
            #expect(error?.code == code)
            #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
            let restarts = code == .crashed || code == .deadline ? 1 : 0
            try await eventually("it runs again") {
                host.status[0].state == "running" && host.status[0].restarts == restarts
            }
            let again = try scheduler.place(
                view: view, batch: ViewBuilder.batch(count: 1, seed: 1), deadline: soon())
            #expect(ViewBuilder.placements(again).count == 1)
        }
    }

    /// The deadline in the problem is on the clock that the plug-in has of its host: it can use all of its time and be in time.
    @Test(arguments: [PluginIsolation.process, .agent])
    func aSlowOneKnowsItsDeadline(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library(SchedulerTests.source)
        try await withHost([(library, "scheduler.so")], configure: isolated(isolation, "wayward")) { host, _ in
            let scheduler = try #require(host.scheduler(named: "wayward"))
            let view = try ViewBuilder.view(nodes: 8, shared: true)
            let (begin, deadline) = (soon(0), soon(3_000))
            let records = try scheduler.place(
                view: view, batch: ViewBuilder.batch(count: 1, seed: 10, deadline: deadline), deadline: deadline)
            #expect(soon(0) - begin > .milliseconds(2_000))
            let milliseconds = try #require(ViewBuilder.placements(records).first?.score)
            #expect((2_000...3_000).contains(milliseconds), "it was told of \(milliseconds) ms")
        }
    }

    /// Offsets are checked before the plug-in sees them.
    @Test func blocksThatLeadOutAreRefused() async throws {
        let library = try PluginBuilder.library(SchedulerTests.source)
        try await withHost([(library, "scheduler.so")], configure: isolated(.agent, "wayward")) { host, _ in
            let scheduler = try #require(host.scheduler(named: "wayward"))
            let view = try ViewBuilder.view(nodes: 8, shared: true)
            for offset in [1 << 40, 4, 200] as [UInt64] {
                let batch = ViewBuilder.batch(count: 1, seed: 1, groupsOffset: offset)
                let error = await pluginError { try scheduler.place(view: view, batch: batch, deadline: soon()) }
                #expect(error?.code == .invalid)
            }
            let memory = try #require(view.shared)
            memory.base.storeBytes(of: UInt32(1 << 30), toByteOffset: 32, as: UInt32.self)
            let batch = ViewBuilder.batch(count: 1, seed: 1)
            let error = await pluginError { try scheduler.place(view: view, batch: batch, deadline: soon()) }
            #expect(error?.code == .invalid)
            #expect(error?.message.contains("numbers at offset") == true)
        }
    }
}
