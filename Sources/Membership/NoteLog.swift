internal import Basics
internal import Gossip
internal import Logging

/// Writes notes to the log; of those a stranger can provoke, one of a kind every ten seconds, with the count of those left out.
struct NoteLog: Sendable {
    private let log: Logger
    private var kinds: [String: (next: Uptime, leftOut: Int)] = [:]

    private static let interval = Duration.seconds(10)

    init(_ log: Logger) { self.log = log }

    mutating func write(_ note: GossipNote, at now: Uptime) {
        switch note {
        case .unreadable(let source, let error):
            limited("gossip packet not read", ["peer": "\(source)", "reason": "\(error)"], at: now)
        case .unreadableUser(let error): limited("gossip message not read", ["reason": "\(error)"], at: now)
        case .pingForOther(let name, let source):
            limited("gossip ping for another member came here", ["member": "\(name)", "peer": "\(source)"], at: now)
        case .nameConflict(let name, let known, let other):
            limited(
                "two members go by one name; rename one of them",
                ["member": "\(name)", "known": "\(known)", "other": "\(other)"], at: now)
        case .versionsRefused(let name): limited("member with impossible versions", ["member": "\(name)"], at: now)
        case .poolFull(let name): limited("no room for another member", ["member": "\(name)"], at: now)
        case .onlyStreams(let name):
            log.warning("member answers over TCP but not UDP; is UDP filtered?", metadata: ["member": "\(name)"])
        case .suspected(let name): log.info("member suspected", metadata: ["member": "\(name)"])
        case .failed(let name, let confirmations):
            log.warning("member failed", metadata: ["member": "\(name)", "confirmations": "\(confirmations)"])
        case .refuted(let accuser):
            log.warning("objected to being held for failed", metadata: ["accuser": "\(accuser)"])
        case .exchangeFailed(let address, let reason):
            limited("gossip exchange failed", ["peer": "\(address)", "reason": "\(reason)"], at: now)
        }
    }

    mutating func refused(_ error: EnvelopeError, from source: GossipAddress, at now: Uptime) {
        limited("gossip refused", ["peer": "\(source)", "reason": "\(error)"], at: now)
    }

    private mutating func limited(_ message: Logger.Message, _ metadata: Logger.Metadata, at now: Uptime) {
        let kind = "\(message)"
        let known = kinds[kind] ?? (now, 0)
        guard known.next <= now else {
            kinds[kind] = (known.next, known.leftOut + 1)
            return
        }
        kinds[kind] = (now + NoteLog.interval, 0)
        var metadata = metadata
        if known.leftOut > 0 { metadata["left_out"] = "\(known.leftOut)" }
        log.warning(message, metadata: metadata)
    }
}
