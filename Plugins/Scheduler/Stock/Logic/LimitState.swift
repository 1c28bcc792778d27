import CDroverABI

/// One `drover_limit` while its group is being placed: at most so many instances a value of an attribute.
struct LimitState {
    let id: UInt32
    private let most: UInt32
    private let valueCount: Int
    private let nodeValue: UnsafePointer<UInt32>?
    private var current: [UInt32]

    init(_ raw: UnsafePointer<drover_limit>, batch: UnsafeRawPointer) {
        id = raw.pointee.id
        most = raw.pointee.max
        valueCount = Int(raw.pointee.value_count)
        nodeValue = batch.optionalArray(raw.pointee.node_value)
        let counts: UnsafePointer<UInt32>? = batch.optionalArray(raw.pointee.current)
        current = (0..<valueCount).map { counts?[$0] ?? 0 }
    }

    @inline(__always)
    func allows(_ row: Int) -> Bool {
        let value = nodeValue?[row] ?? DROVER_NONE
        return value < UInt32(valueCount) && current[Int(value)] < most
    }

    mutating func add(_ row: Int, _ count: Int = 1) {
        let value = nodeValue?[row] ?? DROVER_NONE
        if value < UInt32(valueCount) { current[Int(value)] += UInt32(count) }
    }
}
