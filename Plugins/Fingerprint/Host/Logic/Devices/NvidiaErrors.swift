/// Which GPUs have had an error of their own (XID), until the driver says that they are well again.
struct NvidiaErrors: Equatable, Sendable {
    /// The last error, by uuid.
    private(set) var xids: [String: UInt64] = [:]
    /// Those of them for which the driver has asked for a reset or the like since.
    private(set) var asked: Set<String> = []

    init(xids: [String: UInt64] = [:], asked: Set<String> = []) {
        self.xids = xids
        self.asked = asked
    }

    mutating func note(_ xid: UInt64, of uuid: String) {
        xids[uuid] = xid
        asked.remove(uuid)
    }

    /// Why the GPU is ill, if it is, given what its driver wants now; `nil` when the driver does not tell.
    ///
    /// An error is forgotten once the driver has wanted something done about it and wants nothing any more: the GPU was reset. One
    /// that the driver never asked anything for stays, as does every one with a driver that does not tell.
    mutating func fault(of uuid: String, _ recovery: NVMLRecovery?) -> String? {
        guard let xid = xids[uuid] else { return recovery?.advice.map { "the driver asks for it: \($0)" } }
        if let recovery, recovery != .none { asked.insert(uuid) }
        if recovery == NVMLRecovery.none, asked.remove(uuid) != nil {
            xids[uuid] = nil
            return nil
        }
        return "the driver reported XID \(xid); \(recovery?.advice ?? "reset the GPU and restart the machine")"
    }
}
