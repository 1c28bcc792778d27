package import Basics
internal import Synchronization

/// The servers an agent knows: calls go to one until it fails, then to the next.
///
/// It begins with those it was configured with and learns all from every answer that names them. While ``rebalance(_:time:)`` runs
/// it turns to another one now and then though its own answers.
package final class ServerList: Caller {
    private struct State {
        let configured: [NetworkAddress]
        /// What a server said last, which counts more.
        var learned: [NetworkAddress] = []
        var position: Int
        /// Nodes there were when a server last said it.
        var nodeCount = 0

        /// Those learned, then those configured that are not among them.
        var all: [NetworkAddress] { learned + configured.filter { !learned.contains($0) } }
    }

    /// Servers remembered at most; 64.
    private static let serversMax = 64

    /// How long a server may take to say that it knows a leader, before an agent turns to it; 5 s.
    private static let answerMax = Duration.seconds(5)

    private let network: any Network
    private let random: (any RandomSource)?
    private let state: Mutex<State>

    /// `start` chooses which server is asked first, any number from 0, and `random` to whom it turns from one that failed: so clients
    /// spread out, and still do after all servers were restarted one by one. Without `random` it is the next one.
    package init(
        _ addresses: [NetworkAddress], network: any Network, start: Int = 0, random: (any RandomSource)? = nil
    ) {
        self.network = network
        self.random = random
        state = Mutex(State(configured: addresses, position: start))
    }

    /// The servers known, in the order in which they are tried, the present one first.
    package var servers: [NetworkAddress] {
        state.withLock { state in
            let all = state.all
            guard !all.isEmpty else { return [] }
            let first = state.position % all.count
            return Array(all[first...] + all[..<first])
        }
    }

    /// Asks one server after the other for as long as each says that it did nothing. Any other failure ends it, for the call
    /// may have been carried out; the next call begins with the next server.
    package func call<Call: ServerCall>(
        _ call: Call, context: CallContext, deadline: Duration
    ) async throws -> Call.Reply {
        var failure = CallError(.unavailable, "No known servers; set client.servers or give -servers HOST:PORT")
        for address in servers {
            do {
                let reply = try await RemoteCaller(peer: network.peer(at: address)).call(
                    call, context: context, deadline: deadline)
                if let node = reply as? RegisterNodeReply { learn(node, from: address) }
                return reply
            } catch let error as CallError where [.undone, .unavailable, .deadline].contains(error.code) {
                leave(address)
                guard error.code == .undone else { throw error }
                failure = error
            }
        }
        throw failure
    }

    /// Goes on with another server, unless another call has done so already.
    private func leave(_ address: NetworkAddress) {
        state.withLock { state in
            let all = state.all
            guard !all.isEmpty, all[state.position % all.count] == address else { return }
            let others = UInt64(max(1, all.count - 1))
            state.position = state.position % all.count + 1 + Int((random?.next() ?? 0) % others)
        }
    }

    // MARK: - Rebalancing

    /// Chooses a server anew from time to time, until cancelled; without randomness it stays where it is.
    ///
    /// Calls that are under way, waiting ones too, end where they began; those made afterwards go to the new server.
    package func rebalance(_ rhythm: Rebalancing = Rebalancing(), time: any TimeSource) async throws {
        while true {
            let (agents, servers) = state.withLock { ($0.nodeCount, $0.all.count) }
            let chance = Double((random?.next() ?? 0) >> 11) / Double(1 << 53)
            try await time.sleep(for: rhythm.stay(agents: agents, servers: servers, chance: chance))
            await chooseAnew()
        }
    }

    /// Turns to a server chosen among all, if that one answers and knows a leader, else to the next such one.
    package func chooseAnew() async {
        let servers = servers
        guard let present = servers.first, var generator = random?.generator() else { return }
        for address in Rebalancing.candidates(servers, present: present, using: &generator) {
            guard await knowsLeader(address) else { continue }
            return state.withLock { state in
                let all = state.all
                // A call that failed meanwhile has chosen already.
                guard !all.isEmpty, all[state.position % all.count] == present else { return }
                state.position = all.firstIndex(of: address) ?? state.position
            }
        }
    }

    private func knowsLeader(_ address: NetworkAddress) async -> Bool {
        let reply = try? await RemoteCaller(peer: network.peer(at: address)).call(
            Query(.leader), context: .ownRegion, deadline: ServerList.answerMax)
        return reply?.knownLeader ?? false
    }

    /// Takes what a server said are all servers, and stays with the one that answered.
    private func learn(_ reply: RegisterNodeReply, from address: NetworkAddress) {
        let learned = reply.servers.prefix(ServerList.serversMax).compactMap { NetworkAddress($0, defaultPort: 4647) }
        state.withLock { state in
            state.nodeCount = reply.nodeCount
            guard !learned.isEmpty, learned != state.learned else { return }
            let current = state.all.isEmpty ? address : state.all[state.position % state.all.count]
            state.learned = learned
            state.position = state.all.firstIndex(of: current) ?? 0
        }
    }
}
