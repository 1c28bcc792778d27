internal import CDroverABI
internal import CLinux
internal import Dispatch
internal import Glibc
internal import Linux
internal import Synchronization

/// One launched task as the executor knows it: running under its shim, or exited.
final class TaskRun: Sendable {
    let id: String
    let folder: RunFolder
    let shimState: ShimState
    let cgroup: Cgroup?

    /// What happens when the task has ended; called once, without locks held.
    typealias Ending = @Sendable (ShimExit) -> Void

    /// Dispatch's sources may be used from any thread; the import does not say so.
    private struct Watch: @unchecked Sendable {
        let source: any DispatchSourceRead
    }

    private struct State {
        var exit: ShimExit?
        var endings: [UInt64: Ending] = [:]
        var nextToken: UInt64 = 0
        var watch: Watch?
    }

    private let state: Mutex<State>

    init(id: String, folder: RunFolder, state: ShimState, exit: ShimExit?, cgroup: Cgroup?) {
        self.id = id
        self.folder = folder
        shimState = state
        self.cgroup = cgroup
        self.state = Mutex(State(exit: exit))
    }

    /// How it ended; nil while it runs.
    var exit: ShimExit? { state.withLock { $0.exit } }

    /// Starts watching the shim's end on `queue`. Its pidfd becomes readable then: `shim`, or one that is opened.
    func watch(on queue: DispatchQueue, shim: FileDescriptor?) throws(LinuxError) {
        guard exit == nil else { return }
        var shim = shim
        if shim == nil { shim = try shimState.shim.open() }
        guard let descriptor = shim else {
            finish(folder.settle(shimState))
            return
        }
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor.number, queue: queue)
        source.setEventHandler { [weak self] in
            // A child, if this process has started it; those of others have somebody else to ask.
            _ = clinux_reap(descriptor.number, 0)
            guard let self else { return }
            self.finish(self.folder.settle(self.shimState))
        }
        // The descriptor lives until the source has let go of it.
        source.setCancelHandler { withExtendedLifetime(descriptor) {} }
        let watch = Watch(source: source)
        state.withLock { $0.watch = watch }
        source.activate()
    }

    /// Calls `ending` when the task has ended, at once when it has. The token takes it back; nil when already called.
    @discardableResult
    func whenEnded(_ ending: @escaping Ending) -> UInt64? {
        let exit = state.withLock { state -> (ShimExit?, UInt64) in
            if let exit = state.exit { return (exit, 0) }
            state.nextToken += 1
            state.endings[state.nextToken] = ending
            return (nil, state.nextToken)
        }
        guard let ended = exit.0 else { return exit.1 }
        ending(ended)
        return nil
    }

    /// Takes an ending back; false when it has been called, or is about to be.
    func forget(_ token: UInt64) -> Bool { state.withLock { $0.endings.removeValue(forKey: token) != nil } }

    private func finish(_ exit: ShimExit) {
        let endings = state.withLock { state -> [(key: UInt64, value: Ending)] in
            if state.exit == nil { state.exit = exit }
            state.watch?.source.cancel()
            state.watch = nil
            defer { state.endings = [:] }
            return state.endings.sorted { $0.key < $1.key }
        }
        for (_, ending) in endings { ending(exit) }
    }

    /// Sends a signal to the task's main process, or to its process group; false when it has ended.
    func send(_ signal: Int32, toGroup: Bool) throws(LinuxError) -> Bool {
        guard exit == nil, let task = shimState.task else { return false }
        // The check that the pid is still this task's comes first; the group of a live leader is its own.
        guard toGroup else { return try task.send(signal) }
        guard task.isAlive else { return false }
        return kill(-task.pid, signal) == 0
    }

    /// Ends everything the task started: the shim does it; one that does not answer within three seconds goes too.
    func killNow(on queue: DispatchQueue) {
        guard exit == nil else { return }
        _ = try? shimState.shim.send(SIGTERM)
        queue.asyncAfter(deadline: .now() + .seconds(3)) { [weak self] in
            guard let self, self.exit == nil else { return }
            self.cgroup?.killAll()
            if let task = self.shimState.task { RunFolder.killSession(of: task) }
            _ = try? self.shimState.shim.send(SIGKILL)
        }
    }
}
