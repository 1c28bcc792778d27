import CDroverABI
import DroverSDK
import Glibc
import PluginTestSupport
import Testing

/// The C examples, compiled, loaded and called as a host would.
@Suite("C examples")
struct ExampleTests {
    @Test func theDriverLaunchesTheScript() throws {
        try FakeHost.run { fake, _ in
            try with("driver", config: "{}") { entry, instance in
                let driver: UnsafePointer<drover_driver> = try table(entry, instance, DROVER_DRIVER_1)
                let (started, waited) = (Outcome(), Outcome())
                "{\"id\":\"t\",\"config\":{\"script\":\"echo \\\"hi\\\"\\n\"}}".withDroverText {
                    driver.pointee.start?(instance, $0, started.call.raw)
                }
                #expect(started.json?["handle"]?["pid"]?.integer == 7)
                #expect(fake.launches.first?["argv"]?.strings == ["/bin/sh", "-c", "echo \"hi\"\n"])
                "t".withDroverText { driver.pointee.wait?(instance, $0, waited.call.raw) }
                #expect(waited.json?["exit_code"]?.integer == 3)
            }
        }
    }

    @Test func theFingerprinterTellsTheRack() throws {
        try FakeHost.run { _, _ in
            let path = try #require(mkdtemp(strdup("/tmp/drover-rack-XXXXXX")).map { String(cString: $0) })
            defer {
                unlink("\(path)/rack")
                rmdir(path)
            }
            try with("fingerprint", config: "{\"file\":\"\(path)/rack\"}") { entry, instance in
                let prober: UnsafePointer<drover_fingerprint> = try table(entry, instance, DROVER_FINGERPRINT_1)
                func probe() throws -> (Int32, JSON?) {
                    let (code, text) = collect { prober.pointee.probe?(instance, drover_text(), $0) }
                    return (code, try? JSON(parsing: text))
                }
                #expect(try probe().1?["attributes"] == nil, "a machine without the file has no rack")
                let file = try #require(fopen("\(path)/rack", "w"))
                fputs("r12\n", file)
                fclose(file)
                #expect(try probe().1?["attributes"]?["site.rack"]?.string == "r12")
            }
        }
    }

    @Test func theScorersAreWhatTheirLinesSay() throws {
        try FakeHost.run { _, _ in
            try with("scorer", config: "{}") { entry, instance in
                let scorers: UnsafePointer<drover_scorer> = try table(entry, instance, DROVER_SCORER_1)
                #expect(scorers.pointee.count == 2)
                let first = try #require(scorers.pointee.scorers?[0])
                #expect(
                    first.signature.map { String(cString: $0) }
                        == "f64 cpu_after, f64 memory_after, i64 same_job -> f64")
                typealias Packed = @convention(c) (Double, Double, Int64) -> Double
                let packed = unsafeBitCast(try #require(first.function), to: Packed.self)
                #expect(packed(0.5, 0.75, 1) == 0.5 + 0.75 - 0.25 - 2)
            }
        }
    }

    /// Three nodes: the second may not be used, the third has more memory; the fourth instance fits nowhere.
    @Test func theSchedulerPlacesOnTheRoomiestNode() throws {
        try FakeHost.run { _, _ in
            try with("scheduler", config: "{}") { entry, instance in
                let scheduler: UnsafePointer<drover_scheduler> = try table(entry, instance, DROVER_SCHEDULER_1)
                let view = Self.view(memory: [512, 4096, 1024]), batch = Self.batch(ask: 400, count: 4, feasible: 0b101)
                var records: [UInt8] = []
                let code = view.withUnsafeBytes { view in
                    batch.withUnsafeBytes { batch -> Int32 in
                        guard let view = view.baseAddress, let batch = batch.baseAddress else { return -1 }
                        let (code, bytes) = collectBytes { scheduler.pointee.place?(instance, view, batch, $0) }
                        records = bytes
                        return code
                    }
                }
                try #require(code == DROVER_OK)
                let size = MemoryLayout<drover_placement>.size
                let placed = (0..<3).map { index in
                    records.withUnsafeBytes {
                        $0.loadUnaligned(fromByteOffset: index * size, as: drover_placement.self)
                    }
                }
                #expect(placed.map(\.node) == [2, 2, 0])
                let failure = records.withUnsafeBytes {
                    $0.loadUnaligned(fromByteOffset: 3 * size, as: drover_failure.self)
                }
                #expect(failure.kind == UInt32(DROVER_RECORD_FAILURE) && failure.count == 1)
                #expect((failure.nodes_evaluated, failure.nodes_filtered, failure.nodes_exhausted) == (3, 1, 2))
            }
        }
    }

    @Test(arguments: [
        ("{\"a\":1, \"b\" : {\"a\":[2,\"}\\\"\"]} ,\"c\":0}", "b", "{\"a\":[2,\"}\\\"\"]}"),
        ("{\"a\":-15,\"b\":true}", "b", "true"),
        ("{\"a\":{},\"b\":[]}", "b", "[]"), ("{\"a\":1}", "b", ""), ("[1]", "a", ""), ("", "a", ""), ("{\"a", "a", ""),
        ("{\"a\":\"x\\\\\",\"b\":2}", "b", "2"),
    ])
    func theJSONHelper(document: String, key: String, value: String) {
        #expect(document.withDroverText { String(drover_json_get($0, key)) } == value)
    }

    // MARK: - Blocks

    /// A view with a memory column and flags; every node is usable.
    private static func view(memory: [Int64]) -> [UInt64] {
        let head = MemoryLayout<drover_cluster_view>.size
        var view = drover_cluster_view()
        view.head.struct_size = UInt32(head)
        view.node_count = UInt32(memory.count)
        view.dimension_count = UInt32(DROVER_DIMENSIONS)
        view.capacity.2 = UInt64(head)
        view.flags = UInt64(head + 8 * memory.count)
        view.head.length = view.flags + UInt64(8 * memory.count)
        let usable = UInt64(DROVER_NODE_PRESENT | DROVER_NODE_READY | DROVER_NODE_ELIGIBLE)
        let flags = repeatElement(usable | usable << 32, count: memory.count)
        return words(of: view) + memory.map(UInt64.init(bitPattern:)) + flags
    }

    /// One service with one group.
    private static func batch(ask: Int64, count: UInt32, feasible: UInt64) -> [UInt64] {
        var batch = drover_problem_batch()
        var problem = drover_problem()
        var group = drover_group_ask()
        let problemAt = MemoryLayout<drover_problem_batch>.size
        let groupAt = problemAt + MemoryLayout<drover_problem>.size
        let bitmapAt = groupAt + MemoryLayout<drover_group_ask>.size
        batch.head = drover_block(length: UInt64(bitmapAt + 8), struct_size: UInt32(problemAt), reserved: 0)
        batch.problem_count = 1
        batch.problems = UInt64(problemAt)
        problem.size = UInt32(MemoryLayout<drover_problem>.size)
        problem.group_count = 1
        problem.groups = UInt64(groupAt)
        group.size = UInt32(MemoryLayout<drover_group_ask>.size)
        group.count = count
        group.ask.2 = ask
        group.feasible = UInt64(bitmapAt)
        return words(of: batch) + words(of: problem) + words(of: group) + [feasible]
    }

    private static func words<Value>(of value: Value) -> [UInt64] {
        withUnsafeBytes(of: value) { Array($0.bindMemory(to: UInt64.self)) }
    }

    // MARK: - Loading

    private typealias Entry = UnsafePointer<drover_plugin>

    /// Compiles and loads an example, makes an instance, and destroys it in the end.
    private func with(
        _ example: String, config: String, _ body: (Entry, UnsafeMutableRawPointer) throws -> Void
    ) throws {
        let folder = try #require(mkdtemp(strdup("/tmp/drover-example-XXXXXX")).map { String(cString: $0) })
        let path = "\(folder)/lib\(example).so"
        defer {
            unlink(path)
            rmdir(folder)
        }
        let source = "\(Compiler.sdk)/examples/c/\(example).c"
        let (status, output) = try Compiler.compile("cc", ["-std=c99", "-shared", "-fPIC", "-o", path, source])
        try #require(status == 0, "\(output)")
        let library = try #require(dlopen(path, RTLD_NOW | RTLD_LOCAL))
        defer { dlclose(library) }
        typealias EntryFunction = @convention(c) () -> Entry?
        let symbol = try #require(dlsym(library, DROVER_ENTRY_SYMBOL))
        let entry = try #require(unsafeBitCast(symbol, to: EntryFunction.self)())
        try #require(entry.pointee.magic == DROVER_ABI_MAGIC && String(entry.pointee.abi_hash) == DROVER_ABI_HASH)
        var instance: UnsafeMutableRawPointer?
        let (code, message) = collect { sink in
            config.withDroverText { entry.pointee.create?(FakeTables.host, $0, sink, &instance) }
        }
        try #require(code == DROVER_OK, "\(message)")
        let made = try #require(instance)
        defer { entry.pointee.destroy?(made) }
        try body(entry, made)
    }

    private func table<Table>(
        _ entry: Entry, _ instance: UnsafeMutableRawPointer, _ id: String
    ) throws -> UnsafePointer<Table> {
        let table = try #require(entry.pointee.get_interface?(instance, id))
        return table.assumingMemoryBound(to: Table.self)
    }
}
