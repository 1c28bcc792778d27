import ArgumentParser
import Basics
import Linux
import TraceSimulation

/// What all `drover sim` commands take: who plays, and where the result goes.
struct SimOptions: ParsableArguments {
    @Option(
        name: .customLong("plugin", withSingleDash: true),
        help: "A scheduler plug-in, or \"random\"; may be repeated to compare.")
    var plugins: [String] = ["fragmentation"]

    @Option(
        name: .customLong("plugin-dir", withSingleDash: true),
        help: "Folder of further plug-ins; those beside this program are there already.")
    var pluginFolder: String?

    @Flag(name: .customLong("json", withSingleDash: true), help: "Print JSON, every seed by itself too.")
    var json = false

    @Option(
        name: .customLong("csv", withSingleDash: true), help: "Write curves of unallocated against requested GPU here.")
    var csv: String?

    @Option(name: .customLong("svg", withSingleDash: true), help: "Draw these curves here.")
    var svg: String?

    /// Plays the trace with each scheduler and seed, and writes what is wanted.
    func play(_ trace: Trace, _ order: TraceRun.Order, seeds: [UInt64]) async throws {
        try await compare { libraries, name, time in
            try seeds.map { seed in
                let run = TraceRun(trace, placer: try libraries.placer(named: name, seed: seed), time: time)
                return try run.run(order, seed: seed)
            }
        }
    }

    /// Plays a live cluster's state with each scheduler, and writes what is wanted.
    func play(_ trace: SnapshotTrace) async throws {
        try await compare { libraries, name, time in
            [try SnapshotRun(trace, schedulers: try libraries.set(named: name), time: time).run()]
        }
    }

    private func compare(
        _ outcomes: (_ libraries: SchedulerLibraries, _ name: String, _ time: any TimeSource) throws -> [TraceOutcome]
    ) async throws {
        let seam = Seam.system(network: NoNetwork())
        let libraries = await SchedulerLibraries(
            folder: Machine.executableFolder, pluginFolder: pluginFolder.map(SimFiles.absolute), seam: seam)
        let cards = try plugins.map { name in
            var card = ScoreCard(scheduler: name, library: libraries.file(of: name))
            for outcome in try outcomes(libraries, name, seam.time) { card.add(outcome) }
            return card
        }
        if let csv { try SimFiles.write(csv, CurveTable(cards).csv) }
        if let svg { try SimFiles.write(svg, CurvePicture(cards).svg) }
        print(json ? JSON.array(cards.map(\.json)).prettyText : ScoreTable(cards).text)
    }
}

/// Plug-ins in a simulation have no network.
private struct NoNetwork: Network {
    func peer(at address: NetworkAddress) -> any Peer { NoPeer() }

    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws { throw CallError(.unavailable, "a simulation has no network") }
}

private struct NoPeer: Peer {
    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        throw CallError(.unavailable, "a simulation has no network")
    }

    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        throw CallError(.unavailable, "a simulation has no network")
    }
}
