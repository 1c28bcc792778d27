package import Basics
package import Gossip

/// How a server takes part in the gossip pool.
package struct PoolConfiguration: Sendable {
    /// Unique in the pool; servers use `<name>.<region>`.
    package var name: String
    /// Where packets and streams are received, both at this port; port 0 takes a free one.
    package var bind: NetworkAddress
    /// What others are told; nil tells ``bind``, which then must be a machine's own address and not `0.0.0.0`. Port 0 is the bound port.
    package var advertise: NetworkAddress?
    /// What others learn of this member: role, region, RPC address and the like; at most 512 bytes encoded.
    package var tags: [String: String]
    /// Keeps pools on one network apart; empty for none. Stock serf before 0.10 knows no labels.
    package var label = ""
    /// Encrypts the pool's traffic; nil sends it in clear.
    package var keyring: Keyring?
    /// Where changed keys are kept; nil keeps them until the end of the process.
    package var keyringFile: KeyringFile?
    /// Where the members known are kept for ``GossipPool/rejoin()``; nil forgets them with the process.
    package var memberFile: MemberFile?
    /// Whether they are kept after ``GossipPool/leave()`` too.
    package var rejoinsAfterLeave = false
    package var settings = GossipSettings()

    package init(
        name: String, bind: NetworkAddress, advertise: NetworkAddress? = nil, tags: [String: String],
        keyring: Keyring? = nil
    ) {
        self.name = name
        self.bind = bind
        self.advertise = advertise
        self.tags = tags
        self.keyring = keyring
    }

    /// Throws ``PoolError`` when others could not take this member in.
    func check() throws(PoolError) {
        guard (1...WireLimits.nameBytesMax).contains(name.utf8.count) else {
            throw .configuration("the gossip name \"\(name)\" must have 1 to \(WireLimits.nameBytesMax) bytes")
        }
        guard label.utf8.count <= GossipLabel.bytesMax else {
            throw .configuration("the gossip label must have at most \(GossipLabel.bytesMax) bytes")
        }
        try PoolConfiguration.check(tags)
    }

    static func check(_ tags: [String: String]) throws(PoolError) {
        let count = MemberTags.encode(tags).count
        guard count <= WireLimits.metaBytesMax else {
            throw .configuration(
                "the tags take \(count) bytes, at most \(WireLimits.metaBytesMax) fit; shorten or drop some")
        }
    }
}

/// Why the pool cannot be entered or asked.
package enum PoolError: Error, Equatable, CustomStringConvertible {
    case configuration(String)
    case bind(NetworkAddress, String)
    /// Asked before ``GossipPool/run(ready:)`` is ready, or after it has ended.
    case notRunning
    case noKeyring

    package var description: String {
        switch self {
        case .configuration(let text): text
        case .bind(let address, let text):
            "cannot listen for gossip at \(address): \(text); is another agent running, or the address not this machine's?"
        case .notRunning: "the gossip pool is not running"
        case .noKeyring: "gossip is not encrypted here; start all servers with server.encrypt first"
        }
    }
}
