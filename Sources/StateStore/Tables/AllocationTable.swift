import Basics
import Model

/// All allocations: shared cold columns, copy-on-write hot rows, an ordered index by id, and one object a plan and group.
struct AllocationTable: Sendable {
    private(set) var count = 0
    private var chunks: [ColdChunk] = []
    /// Rows of each chunk that are not collected yet.
    private var chunkLive: [UInt16] = []
    private(set) var liveCount = 0
    var hot = PlainTable<HotRow>(filler: HotRow())
    private var index = IDIndex()
    private(set) var batches = SparseTable<AllocationBatch>()
    private var batchLive = PlainTable<UInt32>(filler: 0)
    var extras = SparseTable<Box<AllocationExtra>>()

    func id(_ row: UInt32) -> ID { chunks[Int(row) >> 12].ids[Int(row) & 4095] }
    func node(_ row: UInt32) -> UInt32 { chunks[Int(row) >> 12].nodes[Int(row) & 4095] }
    func nameIndex(_ row: UInt32) -> UInt32 { chunks[Int(row) >> 12].nameIndexes[Int(row) & 4095] }

    func batch(_ row: UInt32) -> AllocationBatch {
        guard let batch = batches[Int(chunks[Int(row) >> 12].batches[Int(row) & 4095])] else {
            preconditionFailure("allocation row \(row) has no batch")
        }
        return batch
    }

    func extra(_ row: UInt32) -> AllocationExtra? {
        hot[Int(row)].has(HotRow.hasExtra) ? extras[Int(row)]?.value : nil
    }

    func hardware(_ row: UInt32) -> AssignedHardware? {
        let batch = batch(row)
        return batch.hardware.isEmpty ? nil : batch.hardware[Int(row - batch.start)]
    }

    func row(_ id: ID) -> UInt32? { index.find(id) { self.id($0) } }

    func scan(from start: ID, _ body: (UInt32) throws -> Bool) rethrows {
        try index.scan(from: start, identify: { id($0) }, body)
    }

    func scanDown(from start: ID?, _ body: (UInt32) throws -> Bool) rethrows {
        try index.scanDown(from: start, identify: { id($0) }, body)
    }

    /// Adds a batch's rows, of which the first must be ``count``; returns false and changes nothing when one of its ids is taken.
    mutating func append(_ batch: AllocationBatch, placements: PlacementBatch, hot row: HotRow) -> Bool {
        guard enter(placements.ids) else { return false }
        let number = UInt32(batches.append(batch))
        batchLive.append(batch.count)
        for position in placements.ids.indices {
            let id = placements.ids[position]
            let slot = count & 4095
            let chunk = chunkForAppending(slot: slot)
            chunk.ids[slot] = id
            chunk.nodes[slot] = placements.nodes[position]
            chunk.nameIndexes[slot] = placements.nameIndexes[position]
            chunk.batches[slot] = number
            chunk.used = slot + 1
            chunkLive[count >> 12] += 1
            hot.append(row)
            count += 1
        }
        liveCount += placements.ids.count
        return true
    }

    /// Enters the ids of the rows to come in the index, all or none.
    private mutating func enter(_ ids: [ID]) -> Bool {
        let chunks = chunks
        let start = count
        let identify: (UInt32) -> ID = { row in
            Int(row) < start ? chunks[Int(row) >> 12].ids[Int(row) & 4095] : ids[Int(row) - start]
        }
        for (position, id) in ids.enumerated()
        where !index.insert(id, row: UInt32(start + position), identify: identify) {
            for entered in ids[..<position] { index.remove(entered, identify: identify) }
            return false
        }
        return true
    }

    private mutating func chunkForAppending(slot: Int) -> ColdChunk {
        if slot == 0 {
            chunks.append(ColdChunk())
            chunkLive.append(0)
        }
        let chunk = chunks[count >> 12]
        guard chunk.used != slot else { return chunk }
        let fork = ColdChunk(copying: chunk, rows: slot)
        chunks[count >> 12] = fork
        return fork
    }

    mutating func setExtra(_ row: UInt32, _ extra: AllocationExtra) {
        let isPresent = extra != AllocationExtra()
        if isPresent || hot[Int(row)].has(HotRow.hasExtra) {
            extras[Int(row)] = isPresent ? Box(extra) : nil
        }
        hot.update(Int(row)) {
            $0.set(HotRow.hasExtra, isPresent)
            let transition = extra.desiredTransition
            let isAsked =
                transition.migrate == true || transition.reschedule == true || transition.forceReschedule == true
            $0.set(HotRow.hasTransition, isAsked)
            $0.set(HotRow.statesInExtra, extra.taskStates != nil)
        }
    }

    /// Forgets a row; the caller has taken it off its node's, job's and evaluation's lists.
    mutating func remove(_ row: UInt32) {
        guard !hot[Int(row)].has(HotRow.isDead) else { return }
        let chunks = chunks
        index.remove(id(row)) { chunks[Int($0) >> 12].ids[Int($0) & 4095] }
        extras[Int(row)] = nil
        hot.update(Int(row)) { $0.flags = HotRow.isDead }
        liveCount -= 1
        let batch = Int(self.chunks[Int(row) >> 12].batches[Int(row) & 4095])
        let left = batchLive.update(batch) { count -> UInt32 in
            count -= 1
            return count
        }
        if left == 0 { batches[batch] = nil }
        let number = Int(row) >> 12
        chunkLive[number] -= 1
        if chunkLive[number] == 0, count >> 12 > number { releaseChunk(number) }
    }

    /// Frees a full chunk all of whose rows are collected.
    private mutating func releaseChunk(_ number: Int) {
        chunks[number] = ColdChunk.empty
        let inners = ColdChunk.rowCount / PlainTable<HotRow>.innerRows
        for inner in 0..<inners { hot.releaseInner(number * inners + inner) }
    }
}

extension ColdChunk {
    /// Stands where a chunk was freed.
    static let empty = ColdChunk()
}
