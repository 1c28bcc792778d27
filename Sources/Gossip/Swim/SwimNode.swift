internal import Basics

/// What this node holds of one node of the pool, itself included.
struct SwimNode: Sendable {
    let name: String
    var address: GossipAddress
    var meta: [UInt8]
    var versions: ProtocolVersions?
    /// Which life of the node this is of; only the node itself raises it (SWIM §4.2).
    var incarnation: UInt32
    var standing: Standing
    /// When ``standing`` last changed.
    var changed: Uptime

    /// ```
    ///             silent                timeout
    ///   alive ──────────────► suspect ──────────► dead ── gossip-to-the-dead time ──► forgotten
    ///     ▲ │                  │    │              │ ▲
    ///     │ └── says goodbye ──│────┴──► left      │ │
    ///     └──── refutes ───────┘                   │ │
    ///     ▲                                        │ │
    ///     └─────────── alive, higher incarnation ──┘ └── others say so
    /// ```
    enum Standing: Sendable {
        case alive
        case suspect(Suspicion)
        case dead
        case left
    }

    var isAlive: Bool { if case .alive = standing { true } else { false } }

    /// Dead or left.
    var isGone: Bool {
        switch standing {
        case .alive, .suspect: false
        case .dead, .left: true
        }
    }

    /// Whether it understands what protocol `version` brought: 3 stream pings, 4 negative acks, 5 checksums.
    func understands(_ version: UInt8) -> Bool { (versions?.protocolMax ?? 0) >= version }

    var wireStanding: PushPull.Standing {
        switch standing {
        case .alive: .alive
        case .suspect: .suspect
        case .dead: .dead
        case .left: .left
        }
    }
}
