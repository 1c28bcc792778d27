import Basics
import CDroverABI
import CKernels
import DroverSDK
import Model
import Scheduling
import ScoredSchedulerPlugin
import StateStore
import StockSchedulerPlugin
import Testing

@Suite struct KernelTests {
    /// Vector and scalar code give the same bits, and both agree with the formula.
    @Test(arguments: [UInt32(0), 1], [Int64(0), 3])
    func kernelEqualsItsDefinition(spread: UInt32, cores: Int64) {
        var generator = SeededGenerator(seed: 5)
        let count = 517
        var columns = (0..<4).map { _ in [Int64](repeating: 0, count: count) }
        for row in 0..<count {
            columns[0][row] = Int64(generator.next(upperBound: UInt64(64_000)))
            columns[1][row] = Int64(generator.next(upperBound: UInt64(64_000)))
            columns[2][row] = Int64(generator.next(upperBound: UInt64(262_144)))
            columns[3][row] = Int64(generator.next(upperBound: UInt64(262_144)))
        }
        (columns[0][0], columns[1][0]) = (0, 0)
        (columns[0][1], columns[1][1]) = (.max, 5)
        columns.append((0..<count).map { Int64($0 % 11) * 200 })
        let flags = (0..<count).map { UInt32($0 % 7 == 0 ? 3 : 7) }
        let feasible = (0..<9).map { _ in generator.next() | generator.next() }
        withColumns(columns) { pointers in
            flags.withUnsafeBufferPointer { flags in
                feasible.withUnsafeBufferPointer { feasible in
                    var input = ck_fit_input()
                    input.count = UInt32(count)
                    input.dimensions = 3
                    input.memory = 2
                    input.spread = spread
                    input.required_flags = 7
                    input.flags = flags.baseAddress
                    input.feasible = feasible.baseAddress
                    (input.capacity.0, input.capacity.1, input.capacity.2) = (pointers[0], pointers[0], pointers[2])
                    (input.used.0, input.used.1, input.used.2) = (pointers[1], pointers[1], pointers[3])
                    (input.ask.0, input.ask.1, input.ask.2) = (120, cores, 500)
                    input.cores = 1
                    input.core_mhz = pointers[4]
                    var scores = [Int32](repeating: 0, count: count)
                    ck_score_all(&input, &scores)
                    for row in 0..<count {
                        #expect(scores[row] == ck_score_one(&input, UInt32(row)))
                        let isAllowed = flags[row] == 7 && feasible[row / 64] >> UInt64(row % 64) & 1 != 0
                        expect(scores[row], isAllowed, columns.map { $0[row] }, cores: cores, spread: spread == 1)
                    }
                }
            }
        }
    }

    private func withColumns(_ columns: [[Int64]], _ body: ([UnsafePointer<Int64>]) -> Void) {
        let memory = columns.map { column in
            let pointer = UnsafeMutablePointer<Int64>.allocate(capacity: column.count)
            pointer.initialize(from: column, count: column.count)
            return pointer
        }
        body(memory.map { UnsafePointer($0) })
        for pointer in memory { pointer.deallocate() }
    }

    private func expect(_ score: Int32, _ isAllowed: Bool, _ node: [Int64], cores: Int64, spread: Bool) {
        let cpu = 120 + cores * node[4]
        let fits =
            drover_fit_one(node[0], node[1], cpu) != 0 && drover_fit_one(node[0], node[1], cores) != 0
            && drover_fit_one(node[2], node[3], 500) != 0
        guard isAllowed && fits else {
            #expect(score == unfitScore)
            return
        }
        let shares = [(node[0], node[1], Double(cpu)), (node[2], node[3], 500.0)].map { capacity, used, ask in
            min(1, max(0, 1 - (Double(used) + ask) / Double(capacity)))
        }
        let total = shares.reduce(0) { $0 + power10($1) }
        let expected = min(1, max(0, (spread ? total - 2 : 20 - total) / 18)) * 65_536
        #expect(abs(Double(score) - expected) <= 1)
    }

    /// 10^x by its series, to well below a quantum.
    private func power10(_ x: Double) -> Double {
        let y = x * 2.302585092994046
        var term = 1.0
        var sum = 1.0
        for step in 1..<40 {
            term *= y / Double(step)
            sum += term
        }
        return sum
    }
}

/// `scored` with a host that offers two functions.
@Suite struct ScoredTests {
    private static func table() -> drover_scorers {
        var table = drover_scorers()
        table.size = UInt32(MemoryLayout<drover_scorers>.size)
        table.list = { sink in
            let text =
                #"[{"name":"lib/emptiest","parameters":[{"name":"cpu_after","type":"f64"},"#
                + #"{"name":"same_job","type":"i64"}]},"#
                + #"{"name":"lib/never","parameters":[{"name":"cpu_free","type":"f64"}]},"#
                + #"{"name":"lib/odd","parameters":[{"name":"moon_phase","type":"f64"}]}]"#
            return text.withDroverText { sink.write?(sink.context, $0) ?? 0 }
        }
        table.score = { name, columns, sink in
            let head = columns.load(as: drover_score_columns.self)
            let first = columns.advanced(by: Int(head.columns.0)).assumingMemoryBound(to: Double.self)
            let isNever = name.length == 9
            let scores = (0..<Int(head.row_count)).map { row -> Double in
                guard !isNever else { return .nan }
                let same = columns.advanced(by: Int(head.columns.1)).assumingMemoryBound(to: Int64.self)
                return 1 - first[row] - 10 * Double(same[row])
            }
            return scores.withUnsafeBytes { bytes in
                let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
                return sink.write?(sink.context, drover_bytes(data: data, length: UInt64(bytes.count))) ?? 0
            }
        }
        return table
    }

    private func place(_ harness: Harness, scorer: String) throws -> [UInt8] {
        let scheduler = ScoredScheduler(scorers: Scorers(Self.table()), scorer: scorer)
        var bytes: [UInt8] = []
        try withUnsafeMutablePointer(to: &bytes) { pointer in
            let sink = drover_sink(context: UnsafeMutableRawPointer(pointer)) { context, written in
                context?.assumingMemoryBound(to: [UInt8].self).pointee
                    .append(contentsOf: UnsafeBufferPointer(start: written.data, count: Int(written.length)))
                return 0
            }
            let view = try #require(harness.processor.viewBytes.baseAddress)
            let batch = try #require(harness.processor.problemBytes.baseAddress)
            try scheduler.place(view: ClusterView(view), batch: ProblemBatch(batch), into: Sink(sink))
        }
        return bytes
    }

    @Test func theFunctionDecides() throws {
        var harness = Harness(seed: 1)
        let rows = [2_000, 8_000, 4_000].map { cpu in harness.addNode { $0.nodeResources.cpu.cpuShares = Int64(cpu) } }
        let evaluation = try harness.register(Job.sample(count: 4))
        let prepared = harness.processor.prepare(
            evaluation, snapshot: harness.snapshot, now: harness.now, generator: &harness.generator)
        let outcome = try harness.finish(prepared, try place(harness, scorer: "emptiest"))
        // The emptiest first, then one each, as an instance already there costs ten.
        #expect(outcome.plan.placements.flatMap(\.nodes) == [rows[1], rows[2], rows[0], rows[1]])
    }

    @Test func notANumberMeansNotThisNode() throws {
        var harness = Harness(seed: 1)
        _ = harness.addNode()
        let evaluation = try harness.register(Job.sample(count: 4))
        let prepared = harness.processor.prepare(
            evaluation, snapshot: harness.snapshot, now: harness.now, generator: &harness.generator)
        let outcome = try harness.finish(prepared, try place(harness, scorer: "lib/never"))
        #expect(outcome.plan.isEmpty && outcome.unplaced == ["g": 4])
    }

    @Test(arguments: [
        ("", "\"scorer\" is not set; set \"scorer\" to one of: lib/emptiest, lib/never, lib/odd"),
        ("other", "there is no scorer \"other\"; set \"scorer\" to one of: lib/emptiest, lib/never, lib/odd"),
        ("odd", "the scorer's parameter \"moon_phase\" is not known to this scheduler"),
    ])
    func mistakesAreNamed(scorer: String, message: String) throws {
        var harness = Harness(seed: 1)
        _ = harness.addNode()
        _ = harness.processor.prepare(
            try harness.register(Job.sample()), snapshot: harness.snapshot, now: harness.now,
            generator: &harness.generator)
        #expect { try place(harness, scorer: scorer) } throws: { ($0 as? PluginError)?.message == message }
    }
}
