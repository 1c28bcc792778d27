internal import Basics
internal import Gossip
internal import Logging
internal import Membership
internal import Server
internal import ServiceLifecycle

/// A server's part in the gossip pool: opened as the settings say, run, and joined with the members they name.
struct PoolService: Service {
    let pool: GossipPool
    private let settings: PoolSettings
    private let log: Logger

    /// The pool of the server that `options` describe, not entered yet.
    ///
    /// The keyring is the one in `<folder>/serf.keyring`, which the pool may have changed since it was configured; the first start
    /// puts the configured key there.
    static func open(_ options: ServerOptions, _ settings: AgentSettings, seam: Seam, log: Logger) async throws -> Self
    {
        var configuration = PoolConfiguration(
            name: options.poolName, bind: settings.serfAddress, advertise: settings.serfAdvertised,
            tags: options.poolTags)
        let (disk, folder) = (seam.disk, options.folder + "/serf")
        let file = KeyringFile(path: options.folder + "/serf.keyring", disk: disk)
        let key = settings.pool.encrypt
        configuration.keyring = try await seam.blocking.run { () throws -> Keyring? in
            try disk.makeDirectory(folder)
            let stored = try file.load()
            guard stored == nil, !key.isEmpty else { return stored }
            let fresh = try Keyring(base64: [key])
            try file.save(fresh)
            return fresh
        }
        if let keyring = configuration.keyring, !key.isEmpty,
            !keyring.keys.contains(where: { Base64.encode($0) == key })
        {
            log.warning(
                "server.encrypt is not in the keyring of the data folder, which counts",
                metadata: ["keyring": "\(options.folder)/serf.keyring", "use": "drover operator gossip keyring"])
        }
        configuration.keyringFile = file
        configuration.memberFile = MemberFile(path: folder + "/members.json", disk: disk)
        configuration.rejoinsAfterLeave = settings.pool.rejoinsAfterLeave
        // A region that was cut off for a weekend is still tried on Monday.
        configuration.settings.reconnectTimeout = .seconds(72 * 3600)
        return Self(
            pool: try GossipPool(configuration, seam: seam, log: log), settings: settings.pool, log: log)
    }

    /// Takes part until the pool is left or the agent shuts down.
    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await takePart() }
        } catch is CancellationError {}
        // Parts end in the reverse order of their start: one that has left waits for its turn.
        try? await gracefulShutdown()
    }

    /// Tells the others that this server leaves.
    func leave() async { await pool.leave() }

    private func takePart() async throws {
        let (entered, entering) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await pool.run { address in
                    log.info(
                        "in the gossip pool", metadata: ["address": "\(address)", "encrypted": "\(pool.isEncrypted)"])
                    entering.finish()
                }
                return true
            }
            group.addTask {
                for await _ in entered {}
                if !Task.isCancelled { try await join() }
                return false
            }
            defer { group.cancelAll() }
            while let isOver = try await group.next(), !isOver {}
        }
    }

    private func join() async throws {
        async let back: Void = pool.rejoin()
        if !settings.startJoin.isEmpty {
            let outcome = await pool.join(settings.startJoin)
            guard outcome.joined > 0 || outcome.failures.isEmpty else {
                throw AgentError("start_join: no server could be joined: \(outcome.reasons)")
            }
        }
        let outcome = try await pool.join(
            settings.retryJoin, every: settings.retryInterval, attemptsMax: settings.retriesMax)
        guard outcome.joined > 0 || outcome.failures.isEmpty else {
            throw AgentError(
                "retry_join: no server could be joined in \(settings.retriesMax) attempts (retry_max): \(outcome.reasons)"
            )
        }
        await back
        try await pool.joinAll(outcome.failures.keys.sorted(), every: settings.retryInterval)
    }
}

extension JoinOutcome {
    /// Why members could not be joined, in one line.
    var reasons: String {
        failures.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; ")
    }
}

/// What the server needs of it.
extension GossipPool: MemberPool {}
