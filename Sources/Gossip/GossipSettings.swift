/// Times and sizes of the protocol; the names are memberlist's and serf's.
package struct GossipSettings: Sendable, Equatable {
    /// Between probes of one node each; 1 s.
    package var probeInterval: Duration = .seconds(1)
    /// Wait for a direct ack before others are asked; 500 ms, below ``probeInterval``.
    package var probeTimeout: Duration = .milliseconds(500)
    /// Nodes asked to probe in this node's stead; 3.
    package var indirectChecks = 3
    /// Between sendings of rumours; 200 ms.
    package var gossipInterval: Duration = .milliseconds(200)
    /// Nodes that get rumours each time; 3.
    package var gossipNodes = 3
    /// How long the dead still get rumours, so that they can refute, and stay known; 30 s.
    package var gossipToTheDeadTime: Duration = .seconds(30)
    /// Times a rumour is sent, over log10(n + 1); 4.
    package var retransmitMultiplier = 4
    /// Shortest suspicion in probe intervals, over log10 n; 4. Two less are the confirmations wanted.
    package var suspicionMultiplier = 4
    /// Longest suspicion over the shortest; 6.
    package var suspicionMaxMultiplier = 6
    /// Bound of ``Awareness``; 8.
    package var awarenessMax = 8
    /// Between exchanges of the whole state with one node, longer in pools of more than 32; 30 s.
    package var exchangeInterval: Duration = .seconds(30)
    /// For one exchange over a stream; 10 s.
    package var streamTimeout: Duration = .seconds(10)
    /// A packet's bytes before label and encryption are added to it; what they take is subtracted by ``envelopeBytes``.
    package var packetBytesMax = 1_400
    /// Bytes that the shell's label and encryption add to each packet.
    package var envelopeBytes = 0
    /// Nodes known at once; news of further ones are ignored and noted.
    package var nodesMax = 4_096
    /// Rumours waiting, in each queue.
    package var rumoursMax = 4_096

    /// Between looks at members to forget; 15 s.
    package var reapInterval: Duration = .seconds(15)
    /// Between attempts to reach a failed member again; 30 s.
    package var reconnectInterval: Duration = .seconds(30)
    /// A failed member is forgotten after; 24 h.
    package var reconnectTimeout: Duration = .seconds(86_400)
    /// A member that left is forgotten after; 24 h.
    package var tombstoneTimeout: Duration = .seconds(86_400)
    /// An intent of a member not known yet is kept; 5 min.
    package var intentTimeout: Duration = .seconds(300)
    /// The longest wait for a goodbye to be sent often enough; 5 s.
    package var broadcastTimeout: Duration = .seconds(5)
    /// After the goodbye, still answering while it spreads; 1 s.
    package var leavePropagateDelay: Duration = .seconds(1)

    /// memberlist's figures for a local network.
    package init() {}

    /// memberlist's figures for networks that span regions: longer times, more patience.
    package static var wide: GossipSettings {
        var settings = GossipSettings()
        settings.streamTimeout = .seconds(30)
        settings.suspicionMultiplier = 6
        settings.exchangeInterval = .seconds(60)
        settings.probeTimeout = .seconds(3)
        settings.probeInterval = .seconds(5)
        settings.gossipNodes = 4
        settings.gossipInterval = .milliseconds(500)
        settings.gossipToTheDeadTime = .seconds(60)
        return settings
    }
}
