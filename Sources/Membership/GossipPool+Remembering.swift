internal import Basics
internal import Gossip
internal import Logging
internal import Synchronization

/// Whom a member knows, kept for its next life.
extension GossipPool {
    /// Reads whom an earlier life knew.
    func rememberMembers() async {
        guard let file = configuration.memberFile else { return }
        do {
            let addresses = try await seam.blocking.run { try file.load() }
            state.withLock { $0.remembered = addresses }
        } catch {
            log.warning("the members of the last life are forgotten", metadata: ["error": "\(error)"])
        }
    }

    /// Keeps whom this one knows, until the pool ends.
    func keepMembers(_ changes: AsyncStream<MemberEvent>) async {
        guard let file = configuration.memberFile else { return }
        var kept = state.withLock { $0.remembered }
        for await change in changes {
            let known = state.withLock { state in
                change.apply(to: &state.remembered, except: configuration.name)
                return state.remembered
            }
            guard known != kept else { continue }
            await attempt { try file.save(known) }
            kept = known
        }
        if state.withLock({ $0.hasLeft }), !configuration.rejoinsAfterLeave { await attempt { try file.remove() } }
    }

    private func attempt(_ body: @escaping @Sendable () throws -> Void) async {
        do {
            try await seam.blocking.run(body)
        } catch {
            log.warning("the members known are not kept", metadata: ["error": "\(error)"])
        }
    }
}
