/// Byte strings by number: number 0 is the empty one, numbers are given in order of first appearance.
///
/// Bounded: once full it takes no more, and the caller stores the bytes itself.
struct Interner: Sendable {
    private let countMax: Int
    private(set) var values: [[UInt8]] = [[]]
    private var numbers: [[UInt8]: UInt32] = [[]: 0]
    /// The number given last: neighbours are mostly alike, and comparing is cheaper than hashing.
    private var last: UInt32 = 0

    init(countMax: Int) { self.countMax = countMax }

    /// The number of `value`, or nil when it is new and there is no room.
    mutating func intern(_ value: [UInt8]) -> UInt32? {
        if values[Int(last)] == value { return last }
        if let number = numbers[value] {
            last = number
            return number
        }
        guard values.count < countMax else { return nil }
        let number = UInt32(values.count)
        values.append(value)
        numbers[value] = number
        last = number
        return number
    }
}
