internal import DockerSystem
internal import Glibc
internal import Synchronization

/// The one thread of this plug-in: it runs all its asynchronous code and waits for its sockets with epoll(7).
///
/// As a task executor it keeps everything off the cooperative pool, which belongs to the agent when the plug-in is loaded
/// there: `Task(executorPreference: loop)` and all that such a task awaits run here, one after the other.
final class EventLoop: TaskExecutor, @unchecked Sendable {
    enum Direction: Sendable {
        case input
        case output
    }

    private struct Waiters {
        var input: CheckedContinuation<Void, any Error>?
        var output: CheckedContinuation<Void, any Error>?

        var interest: UInt32 {
            (input == nil ? 0 : EPOLLIN.rawValue | EPOLLRDHUP.rawValue) | (output == nil ? 0 : EPOLLOUT.rawValue)
        }
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var waiters: [Int32: Waiters] = [:]
        var thread: pthread_t?
        var isStopping = false
    }

    private let state = Mutex(State())
    private let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))

    init() {
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: wake))
        epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event)
    }

    deinit {
        close(epoll)
        close(wake)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLock { state in
            state.jobs.append(job)
            startThread(&state)
            return state.jobs.count == 1
        }
        if isFirst { interrupt() }
    }

    /// Ends the thread once nothing is queued. Only after everything that runs on it has ended.
    func stop() {
        let thread = state.withLock { state in
            state.isStopping = true
            return state.thread.take()
        }
        interrupt()
        if let thread { pthread_join(thread, nil) }
    }

    /// Returns when `descriptor` can be read from or written to without blocking, or has failed.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    func ready(_ descriptor: Int32, _ direction: Direction) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { add($0, descriptor, direction) }
        } onCancel: {
            let waiter = state.withLock { take(&$0, descriptor, direction) }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func add(
        _ waiter: CheckedContinuation<Void, any Error>, _ descriptor: Int32, _ direction: Direction
    ) {
        let isWaiting = state.withLock { state -> Bool in
            guard !Task.isCancelled else { return false }
            startThread(&state)
            switch direction {
            case .input: state.waiters[descriptor, default: Waiters()].input = waiter
            case .output: state.waiters[descriptor, default: Waiters()].output = waiter
            }
            // Regular files cannot be watched (EPERM): they never block.
            if watch(state, descriptor) { return true }
            _ = take(&state, descriptor, direction)
            return false
        }
        guard !isWaiting else { return }
        if Task.isCancelled { waiter.resume(throwing: CancellationError()) } else { waiter.resume() }
    }

    private func take(
        _ state: inout State, _ descriptor: Int32, _ direction: Direction
    ) -> CheckedContinuation<Void, any Error>? {
        let waiter =
            switch direction {
            case .input: state.waiters[descriptor]?.input.take()
            case .output: state.waiters[descriptor]?.output.take()
            }
        if waiter != nil { _ = watch(state, descriptor) }
        if state.waiters[descriptor]?.interest == 0 { state.waiters[descriptor] = nil }
        return waiter
    }

    /// Tells the kernel what of `descriptor` is waited for; once what is waited for has come it is silent.
    private func watch(_ state: State, _ descriptor: Int32) -> Bool {
        let interest = state.waiters[descriptor]?.interest ?? 0
        var event = epoll_event(events: interest | EPOLLONESHOT.rawValue, data: epoll_data_t(fd: descriptor))
        if interest == 0 { return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil) == 0 }
        if epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event) == 0 { return true }
        return errno == ENOENT && epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0
    }

    // MARK: - The thread

    private func startThread(_ state: inout State) {
        guard state.thread == nil, !state.isStopping else { return }
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<EventLoop>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument)
        precondition(code == 0, "pthread_create: \(code)")
        state.thread = thread
    }

    private func interrupt() { eventfd_write(wake, 1) }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let (jobs, isStopping) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isStopping)
            }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            guard jobs.isEmpty else { continue }
            if isStopping { return }
            let count = epoll_wait(epoll, &events, Int32(events.count), -1)
            for event in events.prefix(Int(max(0, count))) { handle(event) }
        }
    }

    private func handle(_ event: epoll_event) {
        let descriptor = event.data.fd
        if descriptor == wake {
            var count: eventfd_t = 0
            eventfd_read(wake, &count)
            return
        }
        let failed = event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        let waiters = state.withLock { state in
            let input = failed || event.events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0
            let output = failed || event.events & EPOLLOUT.rawValue != 0
            return [
                input ? take(&state, descriptor, .input) : nil, output ? take(&state, descriptor, .output) : nil,
            ]
        }
        for waiter in waiters { waiter?.resume() }
        // What else is waited for was silenced by EPOLLONESHOT.
        state.withLock { state in
            if state.waiters[descriptor] != nil { _ = watch(state, descriptor) }
        }
    }
}
