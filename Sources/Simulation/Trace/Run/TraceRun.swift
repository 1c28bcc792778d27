package import Basics

/// One play of a trace: what comes is placed one by one and at once, or never.
package struct TraceRun {
    /// How the tasks of a trace come.
    package enum Order: Sendable {
        /// In random order, until so many percent of the devices have been asked for (``Trace/shuffledArrivals``).
        case shuffled(percent: Int64)
        /// At the moments that the trace gives, leaving again.
        case timed
    }

    private let trace: Trace
    private let placer: any TracePlacer
    private let time: any TimeSource
    private let cluster: TraceCluster
    private var outcome = TraceOutcome()
    private var hasher = StableHasher()
    private var nanoseconds: [UInt64] = []
    /// By arrival.
    private var places: [(shape: Int, placement: Placement)?] = []

    /// A run with a cluster of its own; `time` measures how long decisions take.
    package init(_ trace: Trace, placer: any TracePlacer, time: any TimeSource) {
        self.trace = trace
        self.placer = placer
        self.time = time
        cluster = TraceCluster(trace)
    }

    /// Plays it; a value can do that once.
    package consuming func run(_ order: Order, seed: UInt64) throws -> TraceOutcome {
        let events: [TraceEvent]
        switch order {
        case .shuffled(let percent): events = trace.shuffledArrivals(seed: seed, percent: percent)
        case .timed: events = trace.timedEvents()
        }
        for event in events {
            switch event {
            case .arrival(let task): try arrive(trace.tasks[task].shape)
            case .departure(let arrival): leave(arrival)
            }
        }
        outcome.seed = seed
        outcome.placementHash = hasher.value
        outcome.measure(cluster.bytes, cluster.work)
        outcome.decision = DecisionTime(nanoseconds)
        return outcome
    }

    private mutating func arrive(_ shape: Int) throws {
        let began = time.uptime
        let proposed = try placer.place(shape, on: cluster)
        nanoseconds.append(UInt64(max(0, time.uptime.nanoseconds - began.nanoseconds)))
        let isGood = proposed.map { cluster.accepts(shape, $0) } ?? false
        if proposed != nil && !isGood { outcome.rejected += 1 }
        let placement = isGood ? proposed : nil
        places.append(placement.map { (shape, $0) })
        if let placement {
            cluster.add(shape, placement)
            outcome.placed += 1
        } else {
            outcome.failed += 1
        }
        note(placement)
        outcome.curve.add(asked: trace.shapes[shape].deviceMilli, used: cluster.deviceMilli, of: trace.deviceCapacity)
    }

    private mutating func leave(_ arrival: Int) {
        guard let (shape, placement) = places[arrival] else { return }
        cluster.remove(shape, placement)
        places[arrival] = nil
    }

    private mutating func note(_ placement: Placement?) {
        hasher.combine(UInt64(bitPattern: Int64(placement?.node ?? -1)))
        for device in placement?.devices ?? [] { hasher.combine(UInt64(device)) }
    }
}
