/// A piece of memory aligned to 64 bytes, for blocks that plug-ins read; offsets count from its start.
///
/// It grows by moving, so pointers into it hold only until the next growth. Zero-filled.
final class AlignedBlock {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var capacity: Int
    /// Bytes in use from the start.
    private(set) var length = 0

    static let alignment = 64

    init(capacity: Int) {
        self.capacity = max(capacity, Self.alignment)
        base = .allocate(byteCount: self.capacity, alignment: Self.alignment)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: self.capacity)
    }

    deinit { base.deallocate() }

    /// Forgets all, for the next block; the memory stays.
    func reset() { length = 0 }

    /// Takes `count` zeroed elements, aligned for vectors; returns their offset.
    func reserve<Element: BitwiseCopyable>(_ count: Int, of type: Element.Type) -> Int {
        let start = (length + Self.alignment - 1) & ~(Self.alignment - 1)
        let end = start + max(1, count) * MemoryLayout<Element>.stride
        if end > capacity { grow(to: end) }
        (base + length).initializeMemory(as: UInt8.self, repeating: 0, count: end - length)
        length = end
        return start
    }

    func pointer<Element: BitwiseCopyable>(
        _ offset: Int, of type: Element.Type = Element.self
    )
        -> UnsafeMutablePointer<Element>
    {
        (base + offset).assumingMemoryBound(to: Element.self)
    }

    private func grow(to needed: Int) {
        let larger = max(needed, capacity * 2)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: Self.alignment)
        memory.copyMemory(from: base, byteCount: length)
        base.deallocate()
        base = memory
        capacity = larger
    }
}
