import CDroverABI

/// A flat block under construction: a head, then arrays that the head and each other point to by offset.
struct BlockWriter {
    private(set) var words: [UInt64]

    /// Leaves room for a head of `size` bytes.
    init(headSize: Int) { words = [UInt64](repeating: 0, count: (headSize + 7) / 8) }

    /// Appends an array; its offset, 0 for an empty one.
    mutating func append<Element: BitwiseCopyable>(_ array: [Element]) -> UInt64 {
        guard !array.isEmpty else { return 0 }
        let start = words.count
        array.withUnsafeBytes { bytes in
            words += [UInt64](repeating: 0, count: (bytes.count + 7) / 8)
            words.withUnsafeMutableBytes { memory in
                UnsafeMutableRawBufferPointer(rebasing: memory[(start * 8)...]).copyMemory(from: bytes)
            }
        }
        return UInt64(start * 8)
    }

    /// The block with its head, whose `drover_block` is filled in.
    func finished<Head: BitwiseCopyable>(_ head: Head, _ block: WritableKeyPath<Head, drover_block>) -> [UInt64] {
        var (words, head) = (words, head)
        head[keyPath: block] = drover_block(
            length: UInt64(words.count * 8), struct_size: UInt32(MemoryLayout<Head>.size), reserved: 0)
        words.withUnsafeMutableBytes { $0.storeBytes(of: head, as: Head.self) }
        return words
    }
}

/// A tuple of offsets or amounts, an element a dimension, from as many values as there are.
func dimensions<Tuple: BitwiseCopyable, Element: BitwiseCopyable>(_ values: [Element], into tuple: inout Tuple) {
    withUnsafeMutableBytes(of: &tuple) { bytes in
        for (index, value) in values.enumerated() {
            bytes.storeBytes(of: value, toByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
        }
    }
}
