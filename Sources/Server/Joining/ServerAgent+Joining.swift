internal import Basics
internal import Consensus
internal import Logging
internal import RPC
internal import Raft
internal import StateStore
internal import Synchronization

/// How servers find each other, and how a new one comes into a cluster.
///
///     greet everybody known, by the pool and by each other ─► a cluster among them?
///                                                     yes ─► ask to join it
///                                                     no  ─► enough servers, and this one has the lowest id?
///                                                            ─► ask all for their promise ─► found a cluster alone
///
/// The founder's cluster has one member; the others then join it. Restarted, a server is still a member and asks for nothing.
extension ServerAgent {
    /// Between two rounds: 1 s, and 250 ms for a server without a cluster.
    private static let greetingInterval = Duration.seconds(1)
    private static let searchInterval = Duration.milliseconds(250)
    private static let greetingDeadline = Duration.seconds(2)

    func runJoining() async throws {
        while !isExpelled.load(ordering: .relaxed) {
            await greetAll()
            await attempt("find a cluster") { try await self.findCluster() }
            let isMember = allegiance.cluster != nil
            try await seam.time.sleep(for: isMember ? ServerAgent.greetingInterval : ServerAgent.searchInterval)
        }
        // The server's life is not over: what it knows can be read.
        while true { try await seam.time.sleep(for: .seconds(3_600)) }
    }

    /// What this server says of itself now.
    func introduction(ballot: ID? = nil) -> ServerRecord {
        var record = ServerRecord()
        record.id = settings.id
        record.name = settings.name
        record.region = settings.region
        record.datacenter = settings.datacenter
        record.address = settings.rpcAddress.description
        record.serfPort = settings.serfPort
        record.build = Version.text
        record.entryKindMax = Int(StateEntry.kindMax)
        record.expect = settings.expect
        record.cluster = allegiance.cluster ?? .none
        record.incarnation = incarnation
        introductions.withLock { state in
            if let ballot { state.ballot = ballot }
            record.ballot = state.ballot
            state.version = max(state.version + 1, UInt64(max(0, seam.time.now.nanoseconds)))
            record.version = state.version
        }
        return record
    }

    // MARK: - Greeting

    /// Tells every known server who this one is, and learns whom it knows.
    private func greetAll() async {
        let now = seam.time.uptime
        let members = consensus.status.membership.members
        directory.forgetSilent(but: Set(members.map(\.id.name)), now: now)
        var addresses = Set(members.filter { $0.id.name != settings.id }.map(\.address))
        addresses.formUnion(directory.all.map(\.record.address))
        addresses.formUnion(poolAddresses)
        addresses.formUnion(settings.join.map(\.description))
        addresses.subtract(introductions.withLock { $0.ownAddresses })
        guard !addresses.isEmpty else { return }
        var call = IntroduceServer()
        call.server = introduction()
        call.known = directory.all.filter { $0.isAlive(now) }.map(\.record)
        let greeting = call
        await withTaskGroup(of: Void.self) { group in
            for address in addresses.sorted() { group.addTask { await self.greet(address, greeting) } }
        }
    }

    private func greet(_ address: String, _ call: IntroduceServer) async {
        guard let target = NetworkAddress(address, defaultPort: 4647) else { return }
        do {
            let reply = try await RemoteCaller(peer: seam.network.peer(at: target)).call(
                call, context: serverContext, deadline: ServerAgent.greetingDeadline)
            guard reply.server.incarnation != incarnation else {
                introductions.withLock { _ = $0.ownAddresses.insert(address) }
                return
            }
            if let conflict = conflict(with: reply.server) { throw CallError(.conflict, conflict) }
            try await learn(reply.server, alsoKnown: reply.known)
            introductions.withLock { _ = $0.failures.removeValue(forKey: address) }
        } catch {
            guard !(error is CancellationError) else { return }
            noteFailure(address, error)
        }
    }

    /// Logs why a server could not be greeted, once for each reason: those that are refused loudly, absent ones quietly.
    private func noteFailure(_ address: String, _ error: any Error) {
        let kind = (error as? CallError)?.code ?? .failed
        let isNews = introductions.withLock { $0.failures.updateValue(kind, forKey: address) != kind }
        guard isNews else { return }
        let isAbsent = [.undone, .unavailable, .deadline].contains(kind)
        log.log(
            level: isAbsent ? .info : .error, isAbsent ? "no server answers" : "a server cannot be joined",
            metadata: ["address": "\(address)", "error": "\(error)"])
    }

    /// For calls between servers; those say themselves which region they are of.
    var serverContext: CallContext { .ownRegion }

    /// Why a server cannot be in this one's pool.
    func conflict(with other: ServerRecord) -> String? {
        let now = seam.time.uptime
        if let conflict = introduction().conflict(with: other, isAlive: true) { return conflict }
        for entry in directory.all {
            if let conflict = entry.record.conflict(with: other, isAlive: entry.isAlive(now)) { return conflict }
        }
        return nil
    }

    /// Takes what a server said of itself and of others.
    func learn(_ record: ServerRecord, alsoKnown: [ServerRecord] = []) async throws {
        let now = seam.time.uptime
        if directory[record.id] == nil {
            log.info("met a server", metadata: ["server.id": "\(record.id)", "server": "\(record.title)"])
        }
        directory.learn(record, now: now)
        peers.learn(ServerID(record.id), at: record.address)
        try await allegiance.heard(from: record.id, ballot: record.ballot, version: record.version)
        for other in alsoKnown where other.region == settings.region {
            guard other.id != settings.id else {
                surpass(other)
                continue
            }
            if directory[other.id] == nil, conflict(with: other) != nil { continue }
            directory.learn(other, isHearsay: true, now: now)
        }
    }

    /// Goes on above a version that others know of this server, as after a restart with the clock set back: what they hear
    /// now would be older news to them (SWIM §4.2 refutes so).
    private func surpass(_ rumour: ServerRecord) {
        introductions.withLock { $0.version = max($0.version, min(rumour.version, .max / 2)) }
    }

    // MARK: - Coming into a cluster

    private func findCluster() async throws {
        let now = seam.time.uptime
        let alive = directory.all.filter { $0.isAlive(now) }.map(\.record)
        guard allegiance.cluster == nil || allegiance.isReturning else { return try await keepMembership(alive) }
        let members = alive.filter { !$0.cluster.isNone }
        guard Set(members.map(\.cluster)).count <= 1 else {
            throw CallError(.conflict, "the servers found belong to different clusters")
        }
        if let member = members.first { return try await join(through: member.address) }
        guard settings.expect > 1, allegiance.cluster == nil else { return }
        let company = alive.filter { $0.expect == settings.expect }
        guard company.count + 1 >= settings.expect, company.allSatisfy({ settings.id < $0.id }) else { return }
        try await found(with: company)
    }

    /// Asks for membership; the leader adds this server as a learner, which becomes a voter once it has the log.
    private func join(through address: String) async throws {
        guard let target = NetworkAddress(address, defaultPort: 4647) else { return }
        var call = JoinCluster()
        call.server = introduction()
        let reply = try await RemoteCaller(peer: seam.network.peer(at: target)).call(call, context: serverContext)
        guard allegiance.cluster != reply.cluster || allegiance.isReturning else { return }
        try await allegiance.join(reply.cluster)
        log.info("joined a cluster", metadata: ["cluster": "\(reply.cluster)", "through": "\(address)"])
    }

    /// How long a member hears of no leader before it asks whether it still is a member; 5 s.
    private static let leaderlessMax = Duration.seconds(5)
    static let expelledText =
        "this server was removed from its cluster by an operator: stop its agent; to let it join again as a new server, "
        + "empty its data folder first"

    /// Sees to it that the others know where this member is, and that it still is one: nobody tells a server that was taken
    /// out of the group. One that was taken for dead joins anew; one that an operator removed stays out.
    private func keepMembership(_ alive: [ServerRecord]) async throws {
        // One that left comes back in its next life.
        guard !allegiance.hasLeft else { return }
        try await updateAddress()
        let isAlone = consensus.status.membership.voters == [ServerID(settings.id)]
        guard consensus.status.leader == nil, lastContact > ServerAgent.leaderlessMax, !isAlone else { return }
        for member in alive where member.cluster == allegiance.cluster {
            do {
                return try await join(through: member.address)
            } catch let error as CallError where error.code == .permission {
                isExpelled.store(true, ordering: .relaxed)
                consensus.retire()
                log.error("\(error.message)", metadata: ["told by": "\(member.title)"])
                // Its calls would find no leader in any case; it must not go on as if one could come.
                return
            } catch let error as CallError where [.undone, .unavailable, .deadline].contains(error.code) {
                continue
            }
        }
    }

    /// A member that moved tells the leader where it is now.
    private func updateAddress() async throws {
        let own = consensus.status.membership.members.first { $0.id.name == settings.id }
        guard let own, own.address != settings.rpcAddress.description, consensus.status.leader != nil else { return }
        var call = JoinCluster()
        call.server = introduction()
        _ = try await self.call(call, context: serverContext)
    }

    /// Founds a cluster if all the others that are needed promise to found none with anybody else.
    private func found(with company: [ServerRecord]) async throws {
        let ballot = seam.random.id()
        var call = PromiseFounding()
        call.candidate = introduction(ballot: ballot)
        let own = try await allegiance.promise(to: settings.id, ballot: ballot, version: call.candidate.version)
        var refusals = own.map { ["this server \($0)"] } ?? []
        if refusals.isEmpty { refusals = await poll(company, call) }
        guard own == nil, company.count - refusals.count >= settings.expect - 1 else {
            // From now on this server says that the poll is over, to itself first.
            let after = introduction(ballot: ID.none)
            try await allegiance.heard(from: settings.id, ballot: .none, version: after.version)
            throw CallError(.conflict, "no cluster is founded yet: \(refusals.joined(separator: "; "))")
        }
        let itself = Membership.Member(id: ServerID(settings.id), address: settings.rpcAddress.description)
        _ = try await consensus.bootstrap(Membership(members: [itself]))
        let cluster = seam.random.id()
        try await allegiance.join(cluster)
        log.info("founded a cluster", metadata: ["cluster": "\(cluster)", "expect": "\(settings.expect)"])
    }

    /// Asks all for their promise; returns why some did not give it.
    private func poll(_ company: [ServerRecord], _ call: PromiseFounding) async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            for server in company {
                group.addTask {
                    guard let target = NetworkAddress(server.address, defaultPort: 4647) else { return server.title }
                    let caller = RemoteCaller(peer: self.seam.network.peer(at: target))
                    do {
                        let reply = try await caller.call(call, context: self.serverContext, deadline: .seconds(5))
                        return reply.isGranted ? nil : "server \(server.title) \(reply.reason)"
                    } catch {
                        return "server \(server.title): \(error)"
                    }
                }
            }
            return await group.reduce(into: []) { if let refusal = $1 { $0.append(refusal) } }
        }
    }
}
