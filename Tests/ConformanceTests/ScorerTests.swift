import Basics
import CDroverABI
import PluginHostTestSupport
import Testing

@testable import PluginHost

/// A strategy that is no more than a function: bound to columns by its line, called once a row or once for all.
@Suite struct ScorerTests {
    /// A `drover_score_columns` block; nil columns of whole numbers.
    private func columns(_ columns: [[Double]], whole: [Int] = [], claim: UInt32? = nil) -> Block {
        let head = MemoryLayout<drover_score_columns>.size
        let rows = columns[0].count
        let length = head + columns.count * rows * 8
        let memory = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 8)
        defer { memory.deallocate() }
        var block = drover_score_columns()
        block.head = drover_block(length: UInt64(length), struct_size: UInt32(head), reserved: 0)
        block.row_count = UInt32(rows)
        block.column_count = claim ?? UInt32(columns.count)
        withUnsafeMutableBytes(of: &block.columns) { offsets in
            for (index, column) in columns.enumerated() {
                let at = head + index * rows * 8
                offsets.storeBytes(of: UInt64(at), toByteOffset: 8 * index, as: UInt64.self)
                for (row, value) in column.enumerated() {
                    if whole.contains(index) {
                        memory.storeBytes(of: Int64(value), toByteOffset: at + 8 * row, as: Int64.self)
                    } else {
                        memory.storeBytes(of: value, toByteOffset: at + 8 * row, as: Double.self)
                    }
                }
            }
        }
        memory.storeBytes(of: block, as: drover_score_columns.self)
        return Block(copying: UnsafeRawBufferPointer(start: memory, count: length))
    }

    private func doubles(_ bytes: [UInt8]) -> [Double] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 8).map { bytes.loadUnaligned(fromByteOffset: $0, as: Double.self) }
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func scoresRowsAndBatches(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library("SDK/examples/c/scorer.c")
        try await withHost([(library, "scorer.so")], configure: isolated(isolation, "examples")) { [self] host, _ in
            #expect(host.scorers.list().array?.compactMap { $0["name"]?.string } == ["emptiest", "packed"])
            let single = host.scorers.score(
                "packed", columns: columns([[0.5, 1, 0.25], [0.5, 0.5, 0.25], [0, 0, 1]], whole: [2]))
            try #require(single.code == 0)
            #expect(doubles(single.bytes) == [1, 1, -1.5])
            let batch = host.scorers.score("examples/emptiest", columns: columns([[0.5, 0], [0.25, 1]]))
            #expect(doubles(batch.bytes) == [1.25, 1])
            let wrong = host.scorers.score("emptiest", columns: columns([[1]]))
            #expect(wrong.code == DROVER_E_INVALID)
            #expect(String(decoding: wrong.bytes, as: UTF8.self).contains("examples/emptiest takes 2 columns, got 1"))
            #expect(host.scorers.score("nobody", columns: columns([[1]])).code == DROVER_E_NOT_FOUND)
        }
    }

    @Test(arguments: [
        ("f64 cpu_after -> f64", ""), ("u64 count, f64* cpu_after, f64* result -> void", ""),
        ("f64 colour -> f64", "unknown parameter \"colour\"; allowed: affinity binpack"),
        ("i64 cpu_after -> f64", "\"cpu_after\" has type f64, not \"i64\""),
        ("f64 cpu_after -> i64", "the result is f64, or void for a batched scorer, not \"i64\""),
        ("f64* cpu_after, f64* result -> void", "a batched scorer begins with \"u64 count\""),
        ("f64 cpu_after", "write \"parameters -> result\""), (" -> f64", "write each parameter as \"type name\""),
    ])
    func readsScorerLines(line: String, message: String) {
        do {
            _ = try ScorerSignature(line)
            #expect(message.isEmpty)
        } catch {
            #expect(!message.isEmpty && error.message.contains(message))
        }
    }
}
