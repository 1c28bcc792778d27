internal import CDroverABI

/// What came of one run.
package struct TraceOutcome: Sendable {
    package internal(set) var seed: UInt64 = 0
    package internal(set) var placed = 0
    /// Tasks that found no place, the rejected included.
    package internal(set) var failed = 0
    /// Tasks whose proposed place did not hold them: the scheduler was wrong.
    package internal(set) var rejected = 0
    /// Allocations that were stopped or migrated and have a place elsewhere: of a live cluster's state those that would be on
    /// another node than they are. 0 in traces, whose tasks stay where they are.
    package internal(set) var moves = 0
    /// Of every task's node and devices, in order: equal runs have equal hashes.
    package internal(set) var placementHash: UInt64 = 0
    package internal(set) var utilisation = Utilisation()
    /// Free devices that a task drawn from the trace could not use on the average, in percent of the free.
    package internal(set) var fragmentationPercent = 0.0
    package internal(set) var decision = DecisionTime([])
    package internal(set) var curve = UnallocatedCurve()

    /// Takes the figures of the end off the view that schedulers see; `work` is what the free devices should be good for.
    mutating func measure(_ view: UnsafeRawBufferPointer, _ work: [FragmentationFigure.Work]) {
        utilisation = Utilisation(ViewFigures(view))
        fragmentationPercent = FragmentationFigure(work).percent(of: view)
    }
}

/// What is in use at the end, in percent of what there is.
package struct Utilisation: Sendable {
    package var cpuPercent = 0.0
    package var memoryPercent = 0.0
    package var diskPercent = 0.0
    package var devicePercent = 0.0

    init() {}

    init(_ figures: ViewFigures) {
        let (cpu, memory) = (Int(DROVER_CPU_MHZ), Int(DROVER_MEMORY_MIB))
        cpuPercent = percent(figures.used[cpu], of: figures.capacity[cpu])
        memoryPercent = percent(figures.used[memory], of: figures.capacity[memory])
        let disk = Int(DROVER_DISK_MIB)
        diskPercent = percent(figures.used[disk], of: figures.capacity[disk])
        devicePercent = percent(figures.deviceMilliUsed, of: figures.deviceMilliCapacity)
    }
}

/// Nothing is 0 percent of nothing.
func percent(_ part: Int64, of whole: Int64) -> Double { whole > 0 ? 100 * Double(part) / Double(whole) : 0 }

/// How long the decisions of a run took, from the call to the checked records.
package struct DecisionTime: Sendable {
    package let leastNanoseconds: UInt64
    package let medianNanoseconds: UInt64
    package let p99Nanoseconds: UInt64

    init(_ nanoseconds: [UInt64]) {
        let sorted = nanoseconds.sorted()
        leastNanoseconds = sorted.first ?? 0
        medianNanoseconds = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
        p99Nanoseconds = sorted.isEmpty ? 0 : sorted[sorted.count * 99 / 100]
    }
}

/// How much of the devices is unallocated, against how much has been asked for; a point a percent asked for.
package struct UnallocatedCurve: Sendable, Equatable {
    /// Unallocated percent of the devices, at 0, 1, 2 ... percent asked for.
    package private(set) var points: [Double] = []
    private var asked: Int64 = 0

    /// The value when `percent` of the devices had been asked for; nil when the run did not come that far.
    package func unallocated(at percent: Int) -> Double? {
        points.indices.contains(percent) ? points[percent] : nil
    }

    mutating func add(asked milli: Int64, used: Int64, of capacity: Int64) {
        guard capacity > 0 else { return }
        asked += milli
        while Int64(points.count) * capacity <= asked * 100, points.count <= Self.percentMax {
            points.append(percent(capacity - used, of: capacity))
        }
    }

    /// Where a curve ends, however much is asked for.
    private static let percentMax = 1_000
}
