/// Small numbers for texts, given in order of first appearance.
struct NameTable {
    private(set) var names: [String] = []
    private var numbers: [String: UInt32] = [:]

    mutating func number(_ name: String) -> UInt32 {
        if let known = numbers[name] { return known }
        let number = UInt32(names.count)
        names.append(name)
        numbers[name] = number
        return number
    }
}
