/// All spreads of a group while it is being placed, and what they add to a node's score.
///
/// The spread with the most values is the inner one, the others are the outer ones: values of the inner one that are
/// alike are treated as one, those of the outer ones each for itself (``CandidateBoard``).
struct SpreadTerms {
    private var outer: [SpreadState]
    private var inner: SpreadState?
    private let weight: Int64

    init(_ spreads: [SpreadState]) {
        weight = max(1, spreads.reduce(0) { $0 + $1.weight })
        outer = spreads
        if let widest = spreads.indices.max(by: { spreads[$0].valueCount < spreads[$1].valueCount }) {
            inner = outer.remove(at: widest)
        }
    }

    var isEmpty: Bool { inner == nil }
    var hasOuter: Bool { !outer.isEmpty }
    var innerValueCount: Int { inner?.valueCount ?? 0 }

    /// What spreading adds on `row`, in units of 1/65,536.
    @inline(__always)
    func term(of row: Int) -> Int32 {
        guard let inner else { return 0 }
        var term = inner.boost(inner.value(of: row)) * inner.weight / weight
        for spread in outer { term += spread.boost(spread.value(of: row)) * spread.weight / weight }
        return Int32(truncatingIfNeeded: term)
    }

    /// The inner value of a node.
    func innerValue(of row: Int) -> Int { inner?.value(of: row) ?? 0 }

    func likeness(ofInner value: Int) -> UInt64 { inner?.likeness(value) ?? 0 }

    /// The outer values of a node as one number.
    func outerKey(of row: Int) -> Int { outer.reduce(0) { $0 &* ($1.valueCount + 1) &+ $1.value(of: row) } }

    /// Counts an instance on `row`.
    mutating func add(_ row: Int) {
        if let value = inner?.value(of: row) { inner?.add(value) }
        for number in outer.indices { outer[number].add(outer[number].value(of: row)) }
    }
}
