import CDroverABI
import StockSchedulerPlugin
import Testing

/// What the stock scheduler writes for plain problems on a plain cluster.
struct TestAnswer {
    private(set) var bytes: [UInt8] = []
    private(set) var placements: [drover_placement] = []
    private(set) var failures: [drover_failure] = []
    private(set) var preemptions: [drover_preemption] = []
    private(set) var assignments: [drover_assignment] = []
    private(set) var scores: [drover_score] = []

    init(_ cluster: TestCluster, _ problems: [TestProblem]) throws {
        try self.init(view: cluster.block, batch: TestProblem.block(problems))
    }

    init(view: [UInt64], batch: [UInt64]) throws {
        let scheduler = StockScheduler(name: "stock", types: StockJobType.allCases)
        var bytes: [UInt8] = []
        try withUnsafeMutablePointer(to: &bytes) { pointer in
            let sink = drover_sink(context: UnsafeMutableRawPointer(pointer)) { context, written in
                context?.assumingMemoryBound(to: [UInt8].self).pointee
                    .append(contentsOf: UnsafeBufferPointer(start: written.data, count: Int(written.length)))
                return 0
            }
            try view.withUnsafeBytes { view in
                try batch.withUnsafeBytes { batch in
                    let blocks = (try #require(view.baseAddress), try #require(batch.baseAddress))
                    try scheduler.place(view: blocks.0, batch: blocks.1, into: sink)
                }
            }
        }
        self.bytes = bytes
        read()
    }

    /// Nodes of the placements of a group, by ordinal.
    func nodes(problem: Int = 0, group: Int = 0) -> [Int] {
        placements.filter { $0.problem == UInt32(problem) && $0.group == UInt32(group) }
            .sorted { $0.ordinal < $1.ordinal }.map { Int($0.node) }
    }

    /// An answer's records, each as it was written.
    static func records(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var (records, rest) = ([ArraySlice<UInt8>](), bytes[...])
        while rest.count >= 8 {
            let size = rest.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) }
            records.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return records
    }

    /// Allocations evicted, in ascending order.
    var evicted: [UInt64] { preemptions.map(\.allocation).sorted() }

    private mutating func read() {
        var (at, bytes) = (0, bytes)
        bytes.withUnsafeMutableBytes { bytes in
            while at < bytes.count {
                let size = Int(bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
                append(UnsafeRawBufferPointer(rebasing: bytes[at..<at + size]))
                at += size
            }
        }
    }

    private mutating func append(_ record: UnsafeRawBufferPointer) {
        switch Int32(bitPattern: record.loadUnaligned(as: UInt32.self)) {
        case DROVER_RECORD_PLACEMENT: placements.append(record.loadUnaligned(as: drover_placement.self))
        case DROVER_RECORD_FAILURE: failures.append(record.loadUnaligned(as: drover_failure.self))
        case DROVER_RECORD_PREEMPTION: preemptions.append(record.loadUnaligned(as: drover_preemption.self))
        case DROVER_RECORD_ASSIGNMENT: assignments.append(record.loadUnaligned(as: drover_assignment.self))
        case DROVER_RECORD_SCORE: scores.append(record.loadUnaligned(as: drover_score.self))
        default: Issue.record("a record of unknown kind")
        }
    }
}
