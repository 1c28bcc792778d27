internal import Basics
internal import Consensus
internal import Logging
internal import Model
internal import RPC
internal import Raft
internal import StateStore
internal import Synchronization

/// Where the root keys come from, and how every server gets them.
///
/// A new key is on the disks of a majority before the log names it, so that whoever leads next finds it with a server that lives.
/// The others, and servers that come later, fetch what the log names and they lack.
extension ServerAgent {
    private static let keyringInterval = Duration.seconds(1)
    private static let transferDeadline = Duration.seconds(2)
    /// After variables could not be decrypted, until it is tried again.
    private static let resealingPause = Duration.seconds(60)
    /// Variables encrypted anew in one entry; 64, which is 4 MiB at most.
    private static let resealedPerEntryMax = 64

    /// The key to seal with now, which is in the keystore. The first variable makes the first key.
    func activeRootKey() async throws -> ID {
        if snapshot.activeRootKey == nil {
            await rootKeyChanges.enter()
            defer { rootKeyChanges.leave() }
            if snapshot.activeRootKey == nil { _ = try await addRootKey() }
        }
        guard let active = snapshot.activeRootKey?.keyID else { throw CallError(.undone, "No cluster leader") }
        try await ensureRootKey(active)
        return active
    }

    /// Makes a key, for use from `publishTime` on or at once; for the leader.
    func rotateRootKey(publishTime: Timestamp, rekeys: Bool) async throws -> (key: RootKeyMeta, index: UInt64) {
        await rootKeyChanges.enter()
        defer { rootKeyChanges.leave() }
        return try await addRootKey(publishTime: publishTime, rekeys: rekeys)
    }

    private func addRootKey(
        publishTime: Timestamp = .never, rekeys: Bool = false
    ) async throws -> (key: RootKeyMeta, index: UInt64) {
        let key = keystore.newKey()
        try await keystore.store(key)
        do {
            try await share(key)
        } catch {
            try? await keystore.remove(key.keyID)
            throw error
        }
        var addition = RootKeyAddition(id: key.keyID, time: seam.time.now)
        addition.publishTime = publishTime
        addition.rekeys = rekeys
        let index = try await propose(.rootKeyAdd(addition)).index
        log.info("made a root key", metadata: ["key.id": "\(key.keyID)", "full": "\(rekeys)"])
        return (snapshot.rootKey(key.keyID) ?? RootKeyMeta(), index)
    }

    /// Returns once a majority of the voters has the key on disk.
    private func share(_ key: RootKey) async throws {
        let voters = consensus.status.membership.members.filter(\.isVoter)
        var call = StoreRootKey()
        call.key = key
        let gift = call
        let others = voters.filter { $0.id.name != settings.id }
        let majority = voters.count / 2 + 1
        let holders = await withTaskGroup(of: Bool.self) { group in
            for member in others { group.addTask { (try? await self.ask(member, gift)) != nil } }
            var holders = 1
            while holders < majority, let isStored = await group.next() { holders += isStored ? 1 : 0 }
            group.cancelAll()
            return holders
        }
        guard holders >= majority else {
            throw CallError(
                .unavailable,
                "the new root key reached \(holders) of \(voters.count) servers and is dropped; it needs a "
                    + "majority: see drover server members")
        }
    }

    private func ask<Call: ServerCall>(_ member: Membership.Member, _ call: Call) async throws -> Call.Reply {
        guard let address = NetworkAddress(member.address, defaultPort: 4647) else {
            throw CallError(.unavailable, "server \(member.id) is at \(member.address), which is no address")
        }
        return try await RemoteCaller(peer: seam.network.peer(at: address)).call(
            call, context: serverContext, deadline: ServerAgent.transferDeadline)
    }

    /// Fetches a key that is not here from whoever has it.
    func ensureRootKey(_ id: ID) async throws {
        guard !keystore.contains(id) else { return }
        var call = FetchRootKey()
        call.keyID = id
        for member in consensus.status.membership.members where member.id.name != settings.id {
            guard let key = try? await ask(member, call), key.keyID == id else { continue }
            return try await keystore.store(key)
        }
        throw CallError(
            .unavailable,
            "no server that can be reached has root key \(id) in its keystore; start the others, or restore "
                + "the file from a backup")
    }

    /// Has every key that the log names, and none that it has forgotten. Runs on every server.
    func runKeyring() async throws {
        var seen: Set<ID> = []
        var missing: Set<ID> = []
        while true {
            try await seam.time.sleep(for: ServerAgent.keyringInterval)
            let named = Set(snapshot.rootKeys.map(\.keyID))
            for id in named.sorted() where !keystore.contains(id) {
                do { try await ensureRootKey(id) } catch {
                    try Task.checkCancellation()
                    // Asked for again each second, and told of once.
                    guard missing.insert(id).inserted else { continue }
                    log.error("a root key is missing", metadata: ["key.id": "\(id)", "error": "\(error)"])
                }
            }
            missing = missing.filter { !keystore.contains($0) }
            // One that the log has never named may be on its way into it.
            for id in seen.subtracting(named).sorted() where keystore.contains(id) {
                await attempt("remove a root key") { try await self.keystore.remove(id) }
            }
            seen = named
        }
    }

    // MARK: - Housekeeping of the leader

    /// Puts prepublished keys to use whose time has come, and goes on with encrypting anew.
    func settleRootKeys() async {
        let keys = snapshot.rootKeys
        let now = seam.time.now
        if let due = keys.filter({ $0.state == .prepublished && $0.publishTime <= now }).min(by: {
            ($0.publishTime, $0.keyID) < ($1.publishTime, $1.keyID)
        }) {
            await attempt("publish a root key") {
                _ = try await self.propose(.rootKeyAdd(RootKeyAddition(id: due.keyID, time: now)))
            }
        }
        guard keys.contains(where: { $0.state == .rekeying }),
            nextResealing.withLock({ $0 <= seam.time.uptime })
        else { return }
        await attempt("encrypt variables anew") {
            do { try await self.resealSome() } catch {
                self.nextResealing.withLock { $0 = self.seam.time.uptime + ServerAgent.resealingPause }
                throw error
            }
        }
    }

    /// Encrypts some of the variables anew that are sealed with an older key; an empty entry says that none is left.
    private func resealSome() async throws {
        let active = try await activeRootKey()
        var items: [VariableResealing.Item] = []
        var failure: (any Error)?
        snapshot.forEachVariable { record in
            guard record.sealed.keyID != active, !record.sealed.keyID.isNone else { return true }
            do {
                let clear = try keystore.open(record.sealed, of: record.key)
                let sealed = try keystore.seal(clear, for: record.key, with: active)
                items.append(.init(key: record.key, modifyIndex: record.metadata.modifyIndex, sealed: sealed))
            } catch {
                failure = error
            }
            return items.count < ServerAgent.resealedPerEntryMax
        }
        // What cannot be read stays as it is, and so does its key.
        if items.isEmpty, let failure { throw failure }
        _ = try await propose(.variableReseal(VariableResealing(items: items)))
    }
}
