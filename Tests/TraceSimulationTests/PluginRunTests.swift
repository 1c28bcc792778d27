import Basics
import Linux
import PluginHostTestSupport
import Testing

@testable import TraceSimulation

/// Whole runs through the real libraries.
@Suite struct PluginRunTests {
    @Test func theLibraryPlacesWhatFitsAndNothingElse() async throws {
        let libraries = await Self.libraries()
        let outcomes = try [3, 3, 4].map { try Self.run("fragmentation", libraries, seed: $0) }
        #expect(outcomes.allSatisfy { $0.rejected == 0 && $0.placed > 10 })
        #expect(outcomes[0].placementHash == outcomes[1].placementHash)
        #expect(outcomes[0].placementHash != outcomes[2].placementHash)
    }

    @Test func lessIsLeftOverThanByChance() async throws {
        let libraries = await Self.libraries()
        let left = try ["fragmentation", "random"].map { name in
            var card = ScoreCard(scheduler: name)
            for seed in 1...8 { card.add(try Self.run(name, libraries, seed: UInt64(seed))) }
            return try #require(card.unallocated(at: 130))
        }
        #expect(left[0] < left[1])
    }

    @Test func anUnknownNameListsTheKnown() async throws {
        let libraries = await Self.libraries()
        let error = #expect(throws: TraceError.self) { try libraries.placer(named: "nobody", seed: 1) }
        #expect(error?.description.contains("fragmentation") == true)
        #expect(throws: TraceError.self) { try libraries.placer(named: "system", seed: 1) }
    }

    private static func run(_ name: String, _ libraries: SchedulerLibraries, seed: UInt64) throws -> TraceOutcome {
        let placer = try libraries.placer(named: name, seed: seed)
        return try TraceRun(RunTests.mixed, placer: placer, time: SystemTime()).run(.shuffled(percent: 130), seed: seed)
    }

    static func libraries() async -> SchedulerLibraries {
        let program = PluginBuilder.hostProgram
        let folder = program.lastIndex(of: "/").map { String(program[..<$0]) } ?? "."
        return await SchedulerLibraries(folder: folder, pluginFolder: nil, seam: .system(network: NoNetwork()))
    }
}

private struct NoNetwork: Network {
    func peer(at address: NetworkAddress) -> any Peer { NoPeer() }

    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws { throw CallError(.unavailable, "no network") }
}

private struct NoPeer: Peer {
    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        throw CallError(.unavailable, "no network")
    }

    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        throw CallError(.unavailable, "no network")
    }
}
