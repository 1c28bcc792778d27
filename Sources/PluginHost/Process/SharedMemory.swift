internal import CLinux
internal import Glibc
package import Linux

/// A sealed memory file mapped writable here and read-only in the plug-in hosts it is passed to.
///
/// Its size is fixed for life, and nobody else can make a writable mapping (F_SEAL_FUTURE_WRITE, Linux 5.1; fcntl(2)), so an
/// isolated plug-in reads what its owner writes at no copy and cannot change it. Freed with the last reference.
package final class SharedMemory: @unchecked Sendable {
    /// The mapping; page-aligned.
    package let base: UnsafeMutableRawPointer
    package let length: Int
    let descriptor: FileDescriptor

    /// Zeroed memory of at least one byte; throws when the system has none left.
    package init(length: Int, name: String) throws(LinuxError) {
        let number = try systemCall("memfd_create", name) { clinux_memory_file(name) }
        descriptor = FileDescriptor(owning: number)
        let size = max(1, length)
        self.length = size
        try systemCall("ftruncate", name) { ftruncate(number, size) }
        base = try SharedMemory.map(number, size, PROT_READ | PROT_WRITE)
        // F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE
        try systemCall("fcntl F_ADD_SEALS", name) { fcntl(number, Int32(1033), Int32(0x01 | 0x02 | 0x04 | 0x10)) }
    }

    /// Maps, for reading, what another process passed. Refuses a file that could still shrink, which would fault readers.
    init(mapping descriptor: FileDescriptor) throws(LinuxError) {
        self.descriptor = descriptor
        var status = stat()
        let number = descriptor.number
        try systemCall("fstat", "shared memory") { fstat(number, &status) }
        let seals = try systemCall("fcntl F_GET_SEALS", "shared memory") { fcntl(number, Int32(1034)) }
        guard seals & 0x02 != 0 else { throw LinuxError(call: "map", path: "unsealed shared memory", errno: EPERM) }
        length = Int(status.st_size)
        base = try SharedMemory.map(number, length, PROT_READ)
    }

    deinit { munmap(base, length) }

    private static func map(
        _ number: Int32, _ length: Int, _ access: Int32
    ) throws(LinuxError) -> UnsafeMutableRawPointer {
        guard let base = mmap(nil, length, access, MAP_SHARED, number, 0), base != MAP_FAILED else {
            throw LinuxError(call: "mmap", path: "shared memory", errno: errno)
        }
        return base
    }
}

/// A flat block (types.h) that is lent to a plug-in: readable memory that begins with a `drover_block`, 8-byte aligned.
package struct Block: @unchecked Sendable {
    package let base: UnsafeRawPointer
    package let length: Int
    /// The shared memory that the block lies in, from its first byte; nil for private memory.
    package let shared: SharedMemory?
    /// Keeps private memory alive as long as the block is.
    private let owner: AnyObject?

    /// The first `length` bytes of `shared`.
    package init(_ shared: SharedMemory, length: Int) {
        precondition(length <= shared.length, "block of \(length) bytes in shared memory of \(shared.length)")
        base = UnsafeRawPointer(shared.base)
        self.length = length
        self.shared = shared
        owner = nil
    }

    /// Private memory; the caller keeps it alive and unchanged during the call it is passed to, or gives its owner.
    package init(base: UnsafeRawPointer, length: Int, owner: AnyObject? = nil) {
        self.base = base
        self.length = length
        shared = nil
        self.owner = owner
    }

    /// A copy of `bytes`.
    package init(copying bytes: UnsafeRawBufferPointer) {
        let copy = BlockMemory(bytes)
        self.init(base: UnsafeRawPointer(copy.base), length: bytes.count, owner: copy)
    }

    /// This block, or a copy if its memory is only borrowed.
    var owned: Block { shared != nil || owner != nil ? self : Block(copying: bytes) }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: length) }
}

/// Memory of a copied block.
private final class BlockMemory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        base = .allocate(byteCount: max(bytes.count, 8), alignment: 64)
        if let source = bytes.baseAddress { base.copyMemory(from: source, byteCount: bytes.count) }
    }

    deinit { base.deallocate() }
}
