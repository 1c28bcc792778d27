public import DroverSDK
internal import Glibc
internal import Synchronization

/// What a program of this machine answers, such as its version: asked beside the fingerprint, and again only when its file has
/// been replaced or the last try failed.
///
/// The answer is kept in the plug-in's store, so that the first fingerprint after a restart of the agent knows it at once.
/// A thread asks, for as long as the program takes; it ends by itself.
public final class RememberedAnswer: Sendable {
    /// What the program did for this very file.
    private struct Known: Equatable {
        let file: String
        let outcome: Result<String, PluginError>
    }

    private struct State {
        var known: Known?
        var isAsking = false
    }

    private let host: Host
    private let key: String
    private let besides: @Sendable () -> String
    private let ask: @Sendable (String) throws(PluginError) -> String
    private let state = Mutex(State())

    /// Makes one that has asked nothing yet.
    ///
    /// - Parameters:
    ///   - host: keeps the answer, and is told to fingerprint again when there is one.
    ///   - key: where the answer is kept in the plug-in's store.
    ///   - besides: what else an answer depends on, such as the kernel that runs; a short text.
    ///   - ask: asks the program of an absolute path; may block.
    public init(
        host: Host, key: String, besides: @escaping @Sendable () -> String = { "" },
        ask: @escaping @Sendable (String) throws(PluginError) -> String
    ) {
        self.host = host
        self.key = key
        self.besides = besides
        self.ask = ask
    }

    /// What the program at `path` answers, or why it does not; `nil` when it has yet to say so: the host is then told to
    /// fingerprint again as soon as it has.
    public func now(_ path: String) -> Result<String, PluginError>? {
        let file = identity(path)
        let known = state.withLock { $0.known } ?? stored()
        if let known, known.file == file, case .success = known.outcome {
            state.withLock { $0.known = known }
            return known.outcome
        }
        let starts = state.withLock { state in
            defer { state.isAsking = true }
            return !state.isAsking
        }
        if starts { inBackground { self.askNow(path, file) } }
        return known?.file == file ? known?.outcome : nil
    }

    /// As ``now(_:)``, but waits for the answer.
    public func waiting(_ path: String) throws(PluginError) -> String {
        let file = identity(path)
        if let known = state.withLock({ $0.known }) ?? stored(), known.file == file,
            case .success(let answer) = known.outcome
        {
            return answer
        }
        return try askNow(path, file).get()
    }

    @discardableResult
    private func askNow(_ path: String, _ file: String) -> Result<String, PluginError> {
        var outcome: Result<String, PluginError>
        do throws(PluginError) {
            outcome = .success(try ask(path))
        } catch {
            outcome = .failure(error)
        }
        let known = Known(file: file, outcome: outcome)
        let isNews = state.withLock { state in
            defer { state = State(known: known) }
            return state.known != known
        }
        if case .success(let answer) = outcome {
            let record: JSON = ["file": .string(file), "answer": .string(answer)]
            try? host.store.put(key, Array(record.text.utf8))
        }
        if isNews { try? host.events.changed("fingerprint") }
        return outcome
    }

    private func stored() -> Known? {
        guard let bytes = try? host.store.get(key),
            let record = try? JSON(parsing: String(decoding: bytes, as: UTF8.self)),
            let file = record["file"]?.string, let answer = record["answer"]?.string
        else { return nil }
        return Known(file: file, outcome: .success(answer))
    }

    private func identity(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return path }
        return
            "\(path) \(status.st_dev) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) "
            + besides()
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private func inBackground(_ run: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        guard failed == 0 else {
            body.release()
            return state.withLock { $0.isAsking = false }
        }
        pthread_detach(thread)
    }
}
