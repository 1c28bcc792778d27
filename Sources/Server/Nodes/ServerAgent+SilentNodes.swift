internal import Basics
internal import Logging
internal import Model
internal import StateStore

extension ServerAgent {
    /// How often a disconnected node is looked at: the work that might come back may have been stopped meanwhile.
    private static let disconnectedLookInterval = Duration.seconds(10)

    /// Marks the nodes whose heartbeats are missing: as disconnected while some of their allocations may come back
    /// (`disconnect`, `lost_after`), else as down.
    ///
    /// Until when follows from the state alone, so a new leader goes on where the last one stood.
    func settleSilentNodes() async {
        let silent = heartbeats.expired()
        guard !silent.isEmpty else { return }
        let (now, snapshot) = (seam.time.now, snapshot)
        var pauses: [ID: Duration] = [:]
        for node in silent {
            guard let end = snapshot.reconnectDeadline(of: node, now: now), end > now else { continue }
            pauses[node] = min(end - now, Self.disconnectedLookInterval)
        }
        let away = silent.filter { pauses[$0] != nil }
        await mark(away.filter { snapshot.node($0)?.status != .disconnected }, .disconnected, "Node heartbeat missed")
        for (node, pause) in pauses { heartbeats.look(at: [node], after: pause) }
        let given = silent.filter { pauses[$0] == nil }
        await mark(given.filter { snapshot.node($0)?.status != .disconnected }, .down, "Node heartbeat missed")
        await mark(given.filter { snapshot.node($0)?.status == .disconnected }, .down, "Node did not reconnect in time")
    }

    private func mark(_ nodes: [ID], _ status: NodeStatus, _ message: String) async {
        guard !nodes.isEmpty else { return }
        let change = NodeStatusChange(nodes: nodes, status: status, message: message, time: seam.time.now)
        log.warning(
            "nodes missed their heartbeats",
            metadata: ["nodes": "\(nodes.map(\.description))", "status": "\(status.rawValue)"])
        await attempt("mark nodes \(status.rawValue)") {
            do {
                _ = try await self.propose(.nodeStatus(change))
            } catch {
                self.heartbeats.look(at: nodes)
                throw error
            }
        }
    }
}

extension Snapshot {
    /// Until when an allocation of the node may come back; nil when none may.
    fileprivate func reconnectDeadline(of id: ID, now: Timestamp) -> Timestamp? {
        guard let row = nodeRow(id), let node = node(row) else { return nil }
        // The status' time is in whole seconds: rounded up, no allocation's window ends after its node's.
        let since = node.status == .disconnected ? Timestamp(seconds: node.statusUpdatedAt + 1) : now
        return reconnectDeadline(of: row, since: since)
    }
}
