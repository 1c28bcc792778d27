package import Basics
internal import Synchronization

/// Files in memory with what a power cut would leave of them.
///
/// A file's bytes are safe once it was synchronized, its name once its folder was (folders themselves are safe at
/// once). ``powerCut(random:)`` gives the disk as the next start finds it: of unsafe bytes all, none, a torn prefix or
/// scattered sectors, of unsafe name changes a prefix. The old object then refuses everything, so that whoever still
/// holds it changes nothing.
package final class SimulatedDisk: Disk {
    fileprivate struct State {
        var names: [String: Int] = [:]
        var files: [Int: SimulatedFileContent] = [:]
        var nextFile = 1
        /// Changes of names that no folder sync has made safe, in order.
        var journal: [NameChange] = []
        var folders: Set<String> = ["/"]
        var locks: [String: ObjectIdentifier] = [:]
        var freeBytes = Int.max
        var failingSyncs = 0
        var ignoresSyncs = false
        var slowness = 1
        /// Operations until the power fails; negative: never.
        var operationsLeft = -1
        var isOff = false
    }

    /// Names that change together: one for a new or removed file, two for a rename.
    fileprivate struct NameChange {
        var names: [(path: String, before: Int?, after: Int?)]

        func touches(folder: String) -> Bool { names.contains { $0.path.parentPath == folder } }
    }

    private let state: Mutex<State>

    package init() { state = Mutex(State()) }

    private init(_ survivor: State) { state = Mutex(survivor) }

    // MARK: - Faults

    /// Further writes may take this many bytes before they fail with "no space".
    package func setFreeBytes(_ count: Int) { state.withLock { $0.freeBytes = count } }

    /// How many times as long as usual blocking work on this disk's machine takes.
    package var slowness: Int {
        get { state.withLock { $0.slowness } }
        set { state.withLock { $0.slowness = newValue } }
    }

    /// The next `count` syncs fail.
    package func failSyncs(_ count: Int) { state.withLock { $0.failingSyncs = count } }

    /// Syncs return at once and make nothing safe: a seeded bug for tests of the checkers.
    package func ignoreSyncs() { state.withLock { $0.ignoresSyncs = true } }

    /// The power fails after `count` more writes, syncs and changes of names; everything after them is refused.
    package func failPower(after count: Int) { state.withLock { $0.operationsLeft = count } }

    package var isOff: Bool { state.withLock { $0.isOff } }

    /// The disk after a power cut; this object is off.
    package func powerCut(random: some RandomSource) -> SimulatedDisk {
        SimulatedDisk(takeOver { state in state.losePower(random) })
    }

    /// The disk after the death of the process that used it: nothing is lost but its locks; this object is off.
    package func processDeath() -> SimulatedDisk { SimulatedDisk(takeOver { _ in }) }

    private func takeOver(_ change: (inout State) -> Void) -> State {
        state.withLock { state in
            var survivor = state
            state = State()
            state.isOff = true
            survivor.locks = [:]
            survivor.operationsLeft = -1
            survivor.failingSyncs = 0
            survivor.isOff = false
            change(&survivor)
            return survivor
        }
    }

    // MARK: - Disk

    package func open(_ path: String, create: Bool, exclusive: Bool) throws(DiskError) -> any DiskFile {
        let file = try perform("open", path) { state throws(DiskError.Reason) -> Int in
            if let file = state.names[path] {
                if exclusive { throw .exists }
                return file
            }
            guard create, state.folders.contains(path.parentPath) else { throw .notFound }
            try state.spend()
            let file = state.nextFile
            state.nextFile += 1
            state.files[file] = SimulatedFileContent()
            state.change([(path, nil, file)])
            return file
        }
        return SimulatedFile(disk: self, path: path, file: file)
    }

    package func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8] {
        try perform("read", path) { state throws(DiskError.Reason) in
            guard let bytes = state.names[path].flatMap({ state.files[$0]?.bytes }) else { throw .notFound }
            guard bytes.count <= limit else { throw .tooLarge }
            return bytes
        }
    }

    package func list(_ path: String) throws(DiskError) -> [String] {
        try perform("list", path) { state throws(DiskError.Reason) in
            guard state.folders.contains(path) else { throw .notFound }
            let all = Array(state.names.keys) + Array(state.folders)
            let children = all.filter { $0 != path && $0 != "/" && $0.parentPath == path }
            let names = children.map { String($0.split(separator: "/").last ?? "") }
            return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    package func makeDirectory(_ path: String) throws(DiskError) {
        try perform("mkdir", path) { state throws(DiskError.Reason) in
            var folder = path
            while folder != "/", folder != ".", state.folders.insert(folder).inserted { folder = folder.parentPath }
        }
    }

    package func rename(_ source: String, to target: String) throws(DiskError) {
        try perform("rename", source) { state throws(DiskError.Reason) in
            guard let file = state.names[source] else { throw .notFound }
            try state.spend()
            state.change([(source, file, nil), (target, state.names[target], file)])
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        try perform("remove", path) { state throws(DiskError.Reason) in
            let inside = path + "/"
            for name in state.names.keys.sorted() where name == path || name.hasPrefix(inside) {
                try state.spend()
                state.change([(name, state.names[name], nil)])
            }
            state.folders = state.folders.filter { $0 != path && !$0.hasPrefix(inside) }
        }
    }

    package func exists(_ path: String) -> Bool {
        state.withLock { $0.names[path] != nil || $0.folders.contains(path) }
    }

    package func synchronizeDirectory(_ path: String) throws(DiskError) {
        try perform("fsync", path) { state throws(DiskError.Reason) in
            try state.spend()
            if !state.ignoresSyncs { state.journal.removeAll { $0.touches(folder: path) } }
        }
    }

    package func lock(_ path: String) throws(DiskError) -> any DiskLock {
        let lock = SimulatedLock(disk: self, path: path)
        try perform("lock", path) { state throws(DiskError.Reason) in
            guard state.locks[path] == nil else { throw .locked }
            state.locks[path] = ObjectIdentifier(lock)
        }
        return lock
    }

    fileprivate func unlock(_ path: String, _ holder: ObjectIdentifier) {
        state.withLock { state in
            if state.locks[path] == holder { state.locks[path] = nil }
        }
    }

    // MARK: - Files

    fileprivate func change(
        _ operation: String, _ path: String, _ file: Int, _ body: (inout SimulatedFileContent) -> Void
    ) throws(DiskError) {
        try perform(operation, path) { state throws(DiskError.Reason) in
            try state.spend()
            guard state.files[file] != nil else { throw .notFound }
            body(&state.files[file, default: SimulatedFileContent()])
        }
    }

    fileprivate func content(_ operation: String, _ path: String, _ file: Int) throws(DiskError) -> [UInt8] {
        try perform(operation, path) { state throws(DiskError.Reason) in state.files[file]?.bytes ?? [] }
    }

    fileprivate func write(_ path: String, _ file: Int, _ bytes: [UInt8], at offset: Int) throws(DiskError) {
        try perform("write", path) { state throws(DiskError.Reason) in
            guard state.freeBytes >= bytes.count else { throw .noSpace }
            if state.freeBytes != .max { state.freeBytes -= bytes.count }
        }
        try change("write", path, file) { $0.write(bytes, at: offset) }
    }

    fileprivate func synchronize(_ path: String, _ file: Int) throws(DiskError) {
        let ignores = try perform("fdatasync", path) { state throws(DiskError.Reason) in
            guard state.failingSyncs == 0 else {
                state.failingSyncs -= 1
                throw .system(errno: 5, text: "input/output error")
            }
            return state.ignoresSyncs
        }
        try change("fdatasync", path, file) { if !ignores { $0.makeSafe() } }
    }

    private func perform<Result>(
        _ operation: String, _ path: String, _ body: (inout State) throws(DiskError.Reason) -> Result
    ) throws(DiskError) -> Result {
        let result = state.withLock { state -> Swift.Result<Result, DiskError.Reason> in
            guard !state.isOff else { return .failure(.system(errno: 5, text: "the power is off")) }
            do throws(DiskError.Reason) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        switch result {
        case .success(let value): return value
        case .failure(let reason): throw DiskError(operation: operation, path: path, reason: reason)
        }
    }
}

extension SimulatedDisk.State {
    /// Counts an operation that changes the disk; the one after the last is refused, and all that follow.
    fileprivate mutating func spend() throws(DiskError.Reason) {
        guard operationsLeft >= 0 else { return }
        operationsLeft -= 1
        guard operationsLeft < 0 else { return }
        isOff = true
        throw .system(errno: 5, text: "the power failed")
    }

    fileprivate mutating func change(_ names: [(path: String, before: Int?, after: Int?)]) {
        for name in names { self.names[name.path] = name.after }
        journal.append(SimulatedDisk.NameChange(names: names))
    }

    fileprivate mutating func losePower(_ random: some RandomSource) {
        let kept = Int(random.next() % UInt64(journal.count + 1))
        for change in journal[kept...].reversed() {
            for name in change.names.reversed() { names[name.path] = name.before }
        }
        journal = []
        let named = Set(names.values)
        files = files.filter { named.contains($0.key) }
        for file in files.keys.sorted() { files[file]?.losePower(random) }
    }
}

private final class SimulatedFile: DiskFile {
    let disk: SimulatedDisk
    let path: String
    let file: Int

    init(disk: SimulatedDisk, path: String, file: Int) {
        self.disk = disk
        self.path = path
        self.file = file
    }

    func size() throws(DiskError) -> UInt64 { UInt64(try disk.content("fstat", path, file).count) }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int {
        let bytes = try disk.content("read", path, file)
        guard offset < UInt64(bytes.count) else { return 0 }
        let end = min(bytes.count, Int(offset) + buffer.count)
        bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<end])) }
        return end - Int(offset)
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
        try disk.write(path, file, Array(buffer), at: Int(offset))
    }

    func allocate(_ size: UInt64) throws(DiskError) {
        try disk.change("fallocate", path, file) { if $0.bytes.count < Int(size) { $0.resize(to: Int(size)) } }
    }

    func truncate(_ size: UInt64) throws(DiskError) {
        try disk.change("ftruncate", path, file) { $0.resize(to: Int(size)) }
    }

    func synchronize() throws(DiskError) { try disk.synchronize(path, file) }

    func close() {}
}

private final class SimulatedLock: DiskLock {
    private let disk: SimulatedDisk
    private let path: String

    init(disk: SimulatedDisk, path: String) {
        self.disk = disk
        self.path = path
    }

    func release() { disk.unlock(path, ObjectIdentifier(self)) }
}

/// Lets the disk's inner steps throw a bare reason; the operation and the path are added on the way out.
extension DiskError.Reason: Error {}
