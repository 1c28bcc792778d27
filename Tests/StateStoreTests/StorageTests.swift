import Basics
import Testing

@testable import StateStore

@Suite struct StorageTests {
    /// Against a sorted array, with older versions held all along.
    @Test(arguments: 1...6) func idIndexIsASortedMap(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var ids: [ID] = []
        var index = IDIndex()
        var model: [ID: UInt32] = [:]
        var versions: [(index: IDIndex, model: [ID: UInt32])] = []
        for step in 0..<4000 {
            let low = UInt64.random(in: 0..<3, using: &generator)
            // Few different upper halves, so that ties are met.
            let id = ID(high: UInt64.random(in: 0..<900, using: &generator) << 40, low: low + 1)
            if Int.random(in: 0..<3, using: &generator) == 0 {
                index.remove(id) { ids[Int($0)] }
                model[id] = nil
            } else if model[id] == nil {
                ids.append(id)
                model[id] = UInt32(ids.count - 1)
                index.insert(id, row: UInt32(ids.count - 1)) { ids[Int($0)] }
            }
            if step % 500 == 0 { versions.append((index, model)) }
        }
        versions.append((index, model))
        for version in versions {
            let sorted = version.model.sorted { $0.key < $1.key }
            var up: [UInt32] = []
            version.index.scan(identify: { ids[Int($0)] }) {
                up.append($0); return true
            }
            #expect(up == sorted.map(\.value))
            var down: [UInt32] = []
            version.index.scanDown(from: nil, identify: { ids[Int($0)] }) {
                down.append($0); return true
            }
            #expect(down == sorted.map(\.value).reversed())
            #expect(version.index.count == sorted.count)
            for (id, row) in sorted { #expect(version.index.find(id, identify: { ids[Int($0)] }) == row) }
        }
    }

    @Test(arguments: 1...4) func sortedTableIsAMap(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = SortedTable<Int, Int>()
        var model: [Int: Int] = [:]
        var held: [(SortedTable<Int, Int>, [Int: Int])] = []
        for step in 0..<3000 {
            let key = Int.random(in: 0..<500, using: &generator)
            let value = Int.random(in: 0..<3, using: &generator) == 0 ? nil : step
            table[key] = value
            model[key] = value
            if step % 700 == 0 { held.append((table, model)) }
        }
        for (table, model) in held + [(table, model)] {
            var entries: [Int] = []
            table.scan(from: 100) { key, value in
                #expect(model[key] == value)
                entries.append(key)
                return true
            }
            #expect(entries == model.keys.filter { $0 >= 100 }.sorted())
            #expect(table.count == model.count)
        }
    }

    @Test func plainAndSparseTablesKeepOldVersions() {
        var plain = PlainTable<Int>(filler: 0)
        var sparse = SparseTable<Int>()
        for number in 0..<5000 { plain.append(number) }
        sparse[4999] = 1
        let (oldPlain, oldSparse) = (plain, sparse)
        for number in stride(from: 0, to: 5000, by: 3) {
            plain.update(number) { $0 = -1 }
            sparse[number] = number
        }
        sparse.update(9, default: 0) { $0 += 1 }
        for number in 0..<5000 {
            #expect(oldPlain[number] == number)
            #expect(plain[number] == (number % 3 == 0 ? -1 : number))
        }
        #expect(oldSparse[9] == nil)
        #expect(sparse[9] == 10)
        #expect(oldSparse[4999] == 1)
        #expect(sparse[6001] == nil)
    }
}
