/// The nodes that can hold one more instance, so arranged that the best is found by looking at few.
///
/// A *bucket* is a heap of nodes that are alike in all spread values and in how many parts their score is the mean of.
/// Within it the order never changes but for the node just placed on. A *lane* is a heap of the best nodes of buckets
/// whose spread terms are equal and stay so: equal outer values, inner values alike. To place an instance is to look at
/// the top of every lane; afterwards only buckets with the same inner value change their lane. A spread over 1,000
/// racks thus has a lane or two, as racks differ by their count alone.
///
/// Entries are not searched for when they become outdated, but dropped when they come to the top.
struct CandidateBoard {
    private let workspace: Workspace
    private var buckets: [RankedHeap<Candidate>] = []
    private var combinations: [Combination] = []
    /// The last combination of each inner value, which leads to the others.
    private var members: [Int?]
    private var lanes: [LaneSet] = []
    /// Lane sets in use by their key, and those that wait to be used again.
    private var laneNumbers: [LaneKey: Int] = [:]
    private var active: [Int] = []
    private var idle: [Int] = []

    /// Parts besides spread: fit, anti-affinity, penalty, affinity, device affinity.
    private static let partsMax = 5

    /// Spread values that occur together.
    private struct Combination {
        let outer: Int
        var lanes: Int
        /// The next combination with the same inner value.
        let next: Int?
    }

    private struct LaneKey: Hashable {
        let outer: Int
        let likeness: UInt64
    }

    /// Lanes of one key by number of parts, and how many combinations belong to them.
    private struct LaneSet {
        var key: LaneKey
        var population = 0
        var heaps = [RankedHeap<Candidate>](repeating: RankedHeap(), count: CandidateBoard.partsMax)
    }

    init(nodeCount: Int, terms: SpreadTerms, workspace: Workspace) {
        self.workspace = workspace
        members = [Int?](repeating: nil, count: terms.innerValueCount + 1)
        if terms.isEmpty {
            workspace.combinations.update(repeating: 0, count: nodeCount)
            _ = addCombination(outer: 0, value: 0, terms)
        } else {
            numberCombinations(nodeCount, terms)
        }
        buckets = [RankedHeap<Candidate>](
            repeating: RankedHeap(), count: combinations.count * Self.partsMax)
    }

    /// Frees all memory; the board is not used afterwards.
    mutating func release() {
        for bucket in buckets.indices { buckets[bucket].release() }
        for number in lanes.indices {
            for part in 0..<Self.partsMax { lanes[number].heaps[part].release() }
        }
    }

    // MARK: - Filling

    /// Adds a node without keeping the order; ``arrange()`` makes it good.
    mutating func append(_ candidate: Candidate, parts: Int) {
        buckets[bucket(of: candidate, parts - 1)].append(candidate)
    }

    mutating func arrange() {
        for bucket in buckets.indices where buckets[bucket].count > 0 {
            buckets[bucket].heapify()
            let lanes = combinations[bucket / Self.partsMax].lanes
            self.lanes[lanes].heaps[bucket % Self.partsMax].push(buckets[bucket].top)
        }
    }

    /// Adds a node; its earlier entry is outdated by its stamp.
    mutating func push(_ candidate: Candidate, parts: Int) {
        let bucket = bucket(of: candidate, parts - 1)
        let isBest = buckets[bucket].count == 0 || candidate.precedes(buckets[bucket].top)
        buckets[bucket].push(candidate)
        guard isBest else { return }
        lanes[combinations[bucket / Self.partsMax].lanes].heaps[parts - 1].push(candidate)
    }

    /// Takes note that an instance has been counted on `row`.
    mutating func update(after row: Int, _ terms: SpreadTerms) {
        guard !terms.isEmpty else { return }
        let value = terms.innerValue(of: row)
        var member = members[value]
        while let number = member {
            member = combinations[number].next
            let key = LaneKey(outer: combinations[number].outer, likeness: terms.likeness(ofInner: value))
            let old = combinations[number].lanes
            guard lanes[old].key != key else { return }
            let new = laneSet(key)
            lanes[old].population -= 1
            lanes[new].population += 1
            combinations[number].lanes = new
            for part in 0..<Self.partsMax where buckets[number * Self.partsMax + part].count > 0 {
                lanes[new].heaps[part].push(buckets[number * Self.partsMax + part].top)
            }
        }
    }

    // MARK: - Taking

    /// The best node that still holds an instance and its score times 60; nil when there is none.
    mutating func best(_ terms: SpreadTerms, _ admission: Admission) -> (candidate: Candidate, score: Int64)? {
        var best: (candidate: Candidate, score: Int64)?
        var position = 0
        while position < active.count {
            let number = active[position]
            let isLeft = lookAt(number, terms, admission, &best)
            if isLeft || lanes[number].population > 0 {
                position += 1
            } else {
                laneNumbers[lanes[number].key] = nil
                idle.append(number)
                active.swapAt(position, active.count - 1)
                active.removeLast()
            }
        }
        return best
    }

    /// Compares the tops of a lane set with the best so far; false when all its lanes are empty.
    private mutating func lookAt(
        _ number: Int, _ terms: SpreadTerms, _ admission: Admission, _ best: inout (candidate: Candidate, score: Int64)?
    ) -> Bool {
        var term: Int32?
        for part in 0..<Self.partsMax {
            dropOutdated(number, part, admission)
            guard lanes[number].heaps[part].count > 0 else { continue }
            let candidate = lanes[number].heaps[part].top
            let shared = term ?? terms.term(of: Int(candidate.row))
            term = shared
            let score = candidate.scaled(parts: part + 1, term: shared)
            if let best {
                guard score > best.score || score == best.score && candidate.isTiedBefore(best.candidate) else {
                    continue
                }
            }
            best = (candidate, score)
        }
        return term != nil
    }

    /// Removes entries from a lane's top that are outdated, or whose bucket has gone to another lane.
    @inline(__always)
    private mutating func dropOutdated(_ number: Int, _ part: Int, _ admission: Admission) {
        while lanes[number].heaps[part].count > 0 {
            let top = lanes[number].heaps[part].top
            let bucket = bucket(of: top, part)
            let belongs = combinations[bucket / Self.partsMax].lanes == number
            if belongs, isCurrent(top, admission) { return }
            lanes[number].heaps[part].removeTop()
            guard belongs else { continue }
            while buckets[bucket].count > 0, !isCurrent(buckets[bucket].top, admission) { buckets[bucket].removeTop() }
            if buckets[bucket].count > 0 { lanes[number].heaps[part].push(buckets[bucket].top) }
        }
    }

    /// Whether the entry is the node's newest and the node has not come to a limit, which never opens again.
    @inline(__always)
    private func isCurrent(_ candidate: Candidate, _ admission: Admission) -> Bool {
        let row = Int(candidate.row)
        return candidate.stamp == workspace.stamps[row] && (admission.limits.isEmpty || admission.allows(row))
    }

    // MARK: - Numbering

    @inline(__always)
    private func bucket(of candidate: Candidate, _ part: Int) -> Int {
        Int(workspace.combinations[Int(candidate.row)]) * Self.partsMax + part
    }

    /// Numbers the combinations of spread values that occur, and each node's.
    private mutating func numberCombinations(_ nodeCount: Int, _ terms: SpreadTerms) {
        var outers: [Int: Int] = [:]
        var numbers: [Int: Int] = [:]
        var single = [Int](repeating: -1, count: terms.hasOuter ? 0 : terms.innerValueCount + 1)
        for row in 0..<nodeCount {
            let value = terms.innerValue(of: row)
            guard terms.hasOuter else {
                if single[value] < 0 { single[value] = addCombination(outer: 0, value: value, terms) }
                workspace.combinations[row] = UInt32(single[value])
                continue
            }
            let outerKey = terms.outerKey(of: row)
            let key = outerKey &* (terms.innerValueCount + 1) &+ value
            if let known = numbers[key] {
                workspace.combinations[row] = UInt32(known)
                continue
            }
            let outer = outers[outerKey] ?? outers.count
            outers[outerKey] = outer
            let number = addCombination(outer: outer, value: value, terms)
            numbers[key] = number
            workspace.combinations[row] = UInt32(number)
        }
    }

    private mutating func addCombination(outer: Int, value: Int, _ terms: SpreadTerms) -> Int {
        let lanes = laneSet(LaneKey(outer: outer, likeness: terms.likeness(ofInner: value)))
        self.lanes[lanes].population += 1
        combinations.append(Combination(outer: outer, lanes: lanes, next: members[value]))
        members[value] = combinations.count - 1
        return combinations.count - 1
    }

    /// The lanes of a key, new ones if need be.
    private mutating func laneSet(_ key: LaneKey) -> Int {
        if let known = laneNumbers[key] { return known }
        let number = idle.popLast() ?? lanes.count
        if number == lanes.count { lanes.append(LaneSet(key: key)) } else { lanes[number].key = key }
        laneNumbers[key] = number
        active.append(number)
        return number
    }
}
