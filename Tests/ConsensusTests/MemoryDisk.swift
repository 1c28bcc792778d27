import Basics
import Synchronization

/// A disk in memory that can lose power, fill up and fail. What was written but not synced is lost or kept sector by
/// sector when it crashes.
final class MemoryDisk: Disk {
    static let sectorBytes = 512

    struct Content {
        var durable: [UInt8] = []
        var current: [UInt8] = []
        /// Sectors that a sync failed to write: they can be read, but count as clean, so no later sync writes them.
        var lost: Set<Int> = []

        func isEqual(in sector: Int) -> Bool {
            let range = sector * MemoryDisk.sectorBytes..<(sector + 1) * MemoryDisk.sectorBytes
            return range.allSatisfy { ($0 < durable.count ? durable[$0] : 0) == ($0 < current.count ? current[$0] : 0) }
        }

        mutating func failToSync() {
            let sectors = 0..<(current.count + MemoryDisk.sectorBytes - 1) / MemoryDisk.sectorBytes
            lost.formUnion(sectors.filter { !isEqual(in: $0) })
        }

        mutating func sync() {
            var synced = current
            for sector in lost {
                for place in sector * MemoryDisk.sectorBytes..<min((sector + 1) * MemoryDisk.sectorBytes, synced.count)
                {
                    synced[place] = place < durable.count ? durable[place] : 0
                }
            }
            durable = synced
        }
    }

    struct State {
        var files: [String: Content] = [:]
        /// Names as they would be found after a crash.
        var durableNames: [String: String] = [:]
        var nextInode = 0
        var folders: Set<String> = ["/"]
        var locks: Set<String> = []
        var syncs = 0
        var failSyncAt: Int?
        var forgetsDirty = true
        var failWriteAt: Int?
        var writes = 0
        var bytesMax = Int.max
    }

    /// Files are kept by inode, names point to them; a rename moves a name.
    let state = Mutex(State())
    let names = Mutex<[String: String]>([:])
    private let hook: (@Sendable () -> Void)?

    /// `beforeSync` runs at the start of every sync, on the calling thread.
    init(beforeSync hook: (@Sendable () -> Void)? = nil) { self.hook = hook }

    var syncs: Int { state.withLock { $0.syncs } }

    /// `forgetsDirty`: no later sync writes what this one was to write, as Linux has it; else it is only as if a process had been
    /// killed before it.
    func failSync(at number: Int, forgetsDirty: Bool = true) {
        state.withLock { ($0.failSyncAt, $0.forgetsDirty) = ($0.syncs + number, forgetsDirty) }
    }

    func failWrite(at number: Int) { state.withLock { $0.failWriteAt = $0.writes + number } }

    func limit(to bytes: Int) { state.withLock { $0.bytesMax = bytes } }

    /// Loses power: each unsynced sector survives or not, as does each name not synced with its folder.
    func crash(using generator: inout some RandomNumberGenerator) {
        let current = names.withLock { $0 }
        state.withLock { state in
            for inode in state.files.keys.sorted() {
                guard var file = state.files[inode] else { continue }
                var size = file.durable.count
                if file.current.count != size, Bool.random(using: &generator) { size = file.current.count }
                var survivor =
                    Array(file.durable.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - file.durable.count))
                for start in stride(from: 0, to: min(size, file.current.count), by: MemoryDisk.sectorBytes)
                where Bool.random(using: &generator) && !file.lost.contains(start / MemoryDisk.sectorBytes) {
                    let end = min(start + MemoryDisk.sectorBytes, size, file.current.count)
                    survivor.replaceSubrange(start..<end, with: file.current[start..<end])
                }
                file = Content(durable: survivor, current: survivor)
                state.files[inode] = file
            }
            state.locks = []
            state.failSyncAt = nil
            state.failWriteAt = nil
        }
        var survivors = state.withLock { $0.durableNames }
        for name in Set(current.keys).union(survivors.keys).sorted() where Bool.random(using: &generator) {
            survivors[name] = current[name]
        }
        names.withLock { $0 = survivors }
        state.withLock { $0.durableNames = survivors }
    }

    /// Loses power, and with it all that was not synced.
    func loseUnsynced() {
        let names = state.withLock { state in
            for inode in Array(state.files.keys) {
                let durable = state.files[inode]?.durable ?? []
                state.files[inode] = Content(durable: durable, current: durable)
            }
            state.locks = []
            state.failSyncAt = nil
            return state.durableNames
        }
        self.names.withLock { $0 = names }
    }

    func bytes(of path: String) -> [UInt8] {
        guard let inode = names.withLock({ $0[path] }) else { return [] }
        return state.withLock { $0.files[inode]?.current ?? [] }
    }

    /// Changes a file behind everybody's back.
    func tamper(_ path: String, _ change: (inout [UInt8]) -> Void) {
        guard let inode = names.withLock({ $0[path] }) else { return }
        state.withLock { state in
            change(&state.files[inode, default: Content()].current)
            let current = state.files[inode]?.current ?? []
            state.files[inode]?.durable = current
        }
    }

    // MARK: - Disk

    func open(_ path: String, create: Bool, exclusive: Bool) throws(DiskError) -> any DiskFile {
        let known = names.withLock { $0[path] }
        if let known {
            if exclusive { throw DiskError(operation: "open", path: path, reason: .exists) }
            return MemoryFile(path: path, inode: known, disk: self, hook: hook)
        }
        guard create else { throw DiskError(operation: "open", path: path, reason: .notFound) }
        let inode = state.withLock { state in
            state.nextInode += 1
            state.files["\(state.nextInode)"] = Content()
            return "\(state.nextInode)"
        }
        names.withLock { $0[path] = inode }
        return MemoryFile(path: path, inode: inode, disk: self, hook: hook)
    }

    func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8] {
        guard exists(path) else { throw DiskError(operation: "read", path: path, reason: .notFound) }
        return bytes(of: path)
    }

    func list(_ path: String) throws(DiskError) -> [String] {
        let prefix = path + "/"
        return names.withLock { names in
            names.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
        }.map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    func makeDirectory(_ path: String) throws(DiskError) { _ = state.withLock { $0.folders.insert(path) } }

    func rename(_ source: String, to target: String) throws(DiskError) {
        names.withLock { names in
            names[target] = names[source]
            names[source] = nil
        }
    }

    func remove(_ path: String) throws(DiskError) { names.withLock { $0[path] = nil } }

    func exists(_ path: String) -> Bool { names.withLock { $0[path] != nil } }

    func synchronizeDirectory(_ path: String) throws(DiskError) {
        let current = names.withLock { $0 }
        state.withLock { state in
            for name in Set(current.keys).union(state.durableNames.keys) where name.parentPath == path {
                state.durableNames[name] = current[name]
            }
        }
    }

    func lock(_ path: String) throws(DiskError) -> any DiskLock {
        let isTaken = state.withLock { !$0.locks.insert(path).inserted }
        if isTaken { throw DiskError(operation: "lock", path: path, reason: .locked) }
        return MemoryLock(path: path, disk: self)
    }
}

private final class MemoryLock: DiskLock {
    let path: String
    let disk: MemoryDisk

    init(path: String, disk: MemoryDisk) { (self.path, self.disk) = (path, disk) }

    func release() { _ = disk.state.withLock { $0.locks.remove(path) } }
}

private final class MemoryFile: DiskFile {
    let path: String
    let inode: String
    let disk: MemoryDisk
    let hook: (@Sendable () -> Void)?

    init(path: String, inode: String, disk: MemoryDisk, hook: (@Sendable () -> Void)?) {
        (self.path, self.inode, self.disk, self.hook) = (path, inode, disk, hook)
    }

    func size() throws(DiskError) -> UInt64 { disk.state.withLock { UInt64($0.files[inode]?.current.count ?? 0) } }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int {
        let content = disk.state.withLock { $0.files[inode]?.current ?? [] }
        guard offset < UInt64(content.count) else { return 0 }
        let count = min(buffer.count, content.count - Int(offset))
        buffer.copyBytes(from: content[Int(offset)..<(Int(offset) + count)])
        return count
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
        let bytes = Array(buffer)
        let reason = disk.state.withLock { state -> DiskError.Reason? in
            state.writes += 1
            if state.writes == state.failWriteAt { return .noSpace }
            let total = state.files.values.reduce(0) { $0 + $1.current.count }
            let end = Int(offset) + bytes.count
            let size = state.files[inode]?.current.count ?? 0
            if total + max(0, end - size) > state.bytesMax { return .noSpace }
            if size < end { state.files[inode]?.current += [UInt8](repeating: 0, count: end - size) }
            state.files[inode]?.current.replaceSubrange(Int(offset)..<end, with: bytes)
            if state.files[inode]?.lost.isEmpty == false, !bytes.isEmpty {
                let written = Int(offset) / MemoryDisk.sectorBytes...(end - 1) / MemoryDisk.sectorBytes
                state.files[inode]?.lost.subtract(written)
            }
            return nil
        }
        if let reason { throw DiskError(operation: "write", path: path, reason: reason) }
    }

    func allocate(_ size: UInt64) throws(DiskError) {
        let current = try self.size()
        if current < size { try write([UInt8](repeating: 0, count: Int(size - current)), at: current) }
    }

    func truncate(_ size: UInt64) throws(DiskError) {
        disk.state.withLock { state in
            let count = state.files[inode]?.current.count ?? 0
            if count > Int(size) { state.files[inode]?.current.removeLast(count - Int(size)) }
        }
    }

    func synchronize() throws(DiskError) {
        hook?()
        let hasFailed = disk.state.withLock { state in
            state.syncs += 1
            if state.syncs == state.failSyncAt {
                if state.forgetsDirty { state.files[inode]?.failToSync() }
                return true
            }
            state.files[inode]?.sync()
            return false
        }
        if hasFailed {
            throw DiskError(operation: "sync", path: path, reason: .system(errno: 5, text: "Input/output error"))
        }
    }

    func close() {}
}
