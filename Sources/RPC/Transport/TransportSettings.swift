internal import Basics

/// Limits and times of connections; every one of them is enforced.
package struct TransportSettings: Sendable {
    package var role = TransportRole.server
    /// Told to the other end, for its messages: a node's name or a server's id.
    package var name = ""
    /// Largest request, reply or item; 64 MiB. Larger ones are refused with ``CallError/Code/tooLarge``; a frame that
    /// claims more ends its connection.
    package var bodyBytesMax = 64 << 20
    /// Bytes of items under way on one stream; 256 KiB. One item more may be, whatever its size.
    package var streamWindowBytes = 256 << 10
    /// Calls under way on one connection, each way; 16,384. More are refused with ``CallError/Code/limited``.
    package var callsMax = 16_384
    /// Bytes of requests under way on one connection; 256 MiB. More are refused likewise.
    package var callBytesMax = 256 << 20
    /// Bytes waiting to be written to one connection; 128 MiB. A peer that does not read is disconnected at the limit.
    package var outboxBytesMax = 128 << 20
    /// Bytes of unfinished frames and of requests under way on all accepted connections; 512 MiB. At the limit requests are
    /// refused with ``CallError/Code/limited``, and who sends more of a frame is disconnected.
    package var receivedBytesMax = 512 << 20
    /// Connections a network accepts; 50,000. More are refused.
    package var connectionsMax = 50_000
    /// Of these, connections from one address; 0, the default, is no limit. More are refused.
    package var connectionsPerClientMax = 0
    /// Silence after which a ping is sent; 15 s. As much again without an answer ends the connection.
    package var keepAlive = Duration.seconds(15)
    /// Time for connecting; 5 s.
    package var connectTimeout = Duration.seconds(5)
    /// Time for TLS and hello; 5 s.
    package var handshakeTimeout = Duration.seconds(5)
    /// Time for a frame to come whole, looked at every ``keepAlive``; 2 minutes. A slower one ends its connection.
    package var frameTimeout = Duration.seconds(120)
    /// Calls whose deadline is further away than this can be cancelled while the server works on them; 5 s. Shorter
    /// ones end by
    /// themselves soon enough.
    package var cancellableAfter = Duration.seconds(5)
    /// First and longest pause between attempts to connect: 100 ms, 5 s. Calls made in the pause fail at once.
    package var retryBase = Duration.milliseconds(100)
    package var retryLimit = Duration.seconds(5)
    /// Time given to calls under way when draining; 5 s.
    package var drainTimeout = Duration.seconds(5)

    package init() {}
}
