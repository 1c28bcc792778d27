internal import Basics
internal import RPC
internal import Synchronization

/// The servers this one knows, and when each was last heard of.
///
/// Whatever discovers servers tells it what it finds with ``learn(_:isHearsay:now:)``.
final class ServerDirectory: Sendable {
    struct Entry: Sendable {
        var record: ServerRecord
        var lastHeard: Uptime
    }

    /// Servers remembered at most; 1,000. What comes beyond is not taken.
    private static let entriesMax = 1_000
    /// Silence after which a server counts as failed; 5 s, five times the pause between two greetings.
    static let silenceMax = Duration.seconds(5)

    /// How long a server that is no member is remembered after it fell silent; 60 s.
    private static let memory = Duration.seconds(60)

    private let entries = Mutex<[String: Entry]>([:])

    /// All of them, in the order of their ids.
    var all: [Entry] { entries.withLock { $0.values.sorted { $0.record.id < $1.record.id } } }

    subscript(id: String) -> Entry? { entries.withLock { $0[id] } }

    /// Takes a record unless a newer one of the server is known. What others say of a server makes it known, not alive.
    func learn(_ record: ServerRecord, isHearsay: Bool = false, now: Uptime) {
        let heard = isHearsay ? now + (.zero - ServerDirectory.silenceMax) : now
        entries.withLock { entries in
            // Who is where another was has taken its place.
            if !isHearsay {
                entries = entries.filter { $0.key == record.id || $0.value.record.address != record.address }
            }
            if var entry = entries[record.id] {
                if record.version > entry.record.version { entry.record = record }
                entry.lastHeard = max(entry.lastHeard, heard)
                entries[record.id] = entry
            } else if entries.count < ServerDirectory.entriesMax {
                entries[record.id] = Entry(record: record, lastHeard: heard)
            }
        }
    }

    /// Notes a sign of life.
    func heard(_ id: String, now: Uptime) { entries.withLock { $0[id]?.lastHeard = now } }

    func isAlive(_ id: String, now: Uptime) -> Bool { self[id]?.isAlive(now) ?? false }

    /// Forgets servers that have been silent for a minute, but for those named.
    func forgetSilent(but ids: Set<String>, now: Uptime) {
        entries.withLock { entries in
            entries = entries.filter { ids.contains($0.key) || now - $0.value.lastHeard < ServerDirectory.memory }
        }
    }
}

extension ServerDirectory.Entry {
    func isAlive(_ now: Uptime) -> Bool { now - lastHeard < ServerDirectory.silenceMax }
}

extension ServerRecord {
    /// Why this server, which is known to run if `isAlive`, and another one cannot be in one pool; nil if they can.
    func conflict(with other: ServerRecord, isAlive: Bool) -> String? {
        guard region == other.region else {
            return "server \(other.title) is in region \"\(other.region)\", server \(title) in \"\(region)\": "
                + "each region has a cluster of its own"
        }
        guard id != other.id || incarnation == other.incarnation || address == other.address || !isAlive else {
            return "servers \(title) and \(other.title) have the same id \(id): one's data folder is a copy of the "
                + "other's; empty it and let that server join anew"
        }
        guard id == other.id || name != other.name || address == other.address || !isAlive else {
            return "servers \(title) and \(other.title) have the same name: give each its own with name or -node"
        }
        guard cluster.isNone || other.cluster.isNone || cluster == other.cluster else {
            return "server \(title) is a member of cluster \(cluster), server \(other.title) of cluster "
                + "\(other.cluster): empty the data folder of the one that is to join the other's"
        }
        guard expect == other.expect || min(expect, other.expect) == 0 || !cluster.isNone || !other.cluster.isNone
        else {
            return "bootstrap_expect is \(expect) on server \(title) and \(other.expect) on server \(other.title): "
                + "set the same on all servers that start a cluster"
        }
        return nil
    }

    /// Name and address, for messages.
    var title: String { "\(name) (\(address))" }
}
