package import Basics

/// What one scheduler made of a trace, over all seeds.
package struct ScoreCard: Sendable {
    package let scheduler: String
    /// Absolute path of the library its code comes from; empty for a baseline.
    package let library: String
    package private(set) var outcomes: [TraceOutcome] = []

    /// Percentages asked for at which the unallocated share is named.
    package static let moments = [100, 130]

    package init(scheduler: String, library: String = "") {
        self.scheduler = scheduler
        self.library = library
    }

    package mutating func add(_ outcome: TraceOutcome) { outcomes.append(outcome) }

    /// Unallocated devices in percent, the mean over the seeds; nil when a run did not ask for so much.
    package func unallocated(at percent: Int) -> Double? {
        let values = outcomes.compactMap { $0.curve.unallocated(at: percent) }
        return values.isEmpty || values.count < outcomes.count ? nil : values.reduce(0, +) / Double(values.count)
    }

    /// The mean of a figure over the seeds.
    package func mean(_ figure: (TraceOutcome) -> Double) -> Double {
        outcomes.isEmpty ? 0 : outcomes.map(figure).reduce(0, +) / Double(outcomes.count)
    }

    /// The card as a document.
    package var json: JSON {
        .object([
            ("scheduler", .string(scheduler)), ("library", .string(library)),
            ("unallocated_gpu_percent", unallocated { unallocated(at: $0) }),
            ("fragmentation_percent", .number(Self.rounded(mean(\.fragmentationPercent)))),
            ("seeds", .array(outcomes.map(json))),
        ])
    }

    private func json(_ outcome: TraceOutcome) -> JSON {
        .object([
            ("seed", .integer(Int64(outcome.seed))),
            ("unallocated_gpu_percent", unallocated { outcome.curve.unallocated(at: $0) }),
            ("placed", .integer(Int64(outcome.placed))), ("pending", .integer(Int64(outcome.failed))),
            ("rejected", .integer(Int64(outcome.rejected))), ("moves", .integer(Int64(outcome.moves))),
            ("cpu_percent", .number(Self.rounded(outcome.utilisation.cpuPercent))),
            ("memory_percent", .number(Self.rounded(outcome.utilisation.memoryPercent))),
            ("disk_percent", .number(Self.rounded(outcome.utilisation.diskPercent))),
            ("gpu_percent", .number(Self.rounded(outcome.utilisation.devicePercent))),
            ("fragmentation_percent", .number(Self.rounded(outcome.fragmentationPercent))),
            (
                "decision_ns",
                .object([
                    ("min", .integer(Int64(outcome.decision.leastNanoseconds))),
                    ("p50", .integer(Int64(outcome.decision.medianNanoseconds))),
                    ("p99", .integer(Int64(outcome.decision.p99Nanoseconds))),
                ])
            ),
            ("placement_hash", .string(String(outcome.placementHash, radix: 16))),
        ])
    }

    private func unallocated(_ value: (Int) -> Double?) -> JSON {
        .object(Self.moments.map { ("\($0)", value($0).map { .number(Self.rounded($0)) } ?? .null) })
    }

    /// To a thousandth: more digits say nothing.
    private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}
