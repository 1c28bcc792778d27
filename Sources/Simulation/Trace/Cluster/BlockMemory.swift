internal import CDroverABI
internal import PluginHost

/// Memory of a flat block (types.h) that is laid out once and then changed in place.
final class BlockMemory {
    /// Hands out the places of a block's arrays before its memory exists.
    struct Layout {
        private(set) var length: Int

        /// A block that begins with `head`.
        init<Head>(_ head: Head.Type) { length = (MemoryLayout<Head>.size + 7) / 8 * 8 }

        /// The offset of an array of `count` elements, at a multiple of 8.
        mutating func array<Element>(_ element: Element.Type, _ count: Int) -> UInt64 {
            defer { length += (MemoryLayout<Element>.stride * count + 7) / 8 * 8 }
            return UInt64(length)
        }
    }

    private let base: UnsafeMutableRawPointer
    private let length: Int

    /// Zeroed memory.
    init(_ layout: Layout) {
        length = layout.length
        base = .allocate(byteCount: length, alignment: 64)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: length)
    }

    deinit { base.deallocate() }

    /// The block as it is lent to a plug-in, which reads changes made before the next call.
    var block: Block { Block(base: UnsafeRawPointer(base), length: length, owner: self) }

    /// The head that every block begins with.
    func head<Head>(of type: Head.Type) -> drover_block {
        drover_block(length: UInt64(length), struct_size: UInt32(MemoryLayout<Head>.size), reserved: 0)
    }

    func store<Value: BitwiseCopyable>(_ value: Value, at offset: UInt64) {
        base.storeBytes(of: value, toByteOffset: Int(offset), as: Value.self)
    }

    /// The array at `offset`.
    func array<Element>(_ offset: UInt64, of type: Element.Type = Element.self) -> UnsafeMutablePointer<Element> {
        (base + Int(offset)).assumingMemoryBound(to: Element.self)
    }
}
