/// A logical clock (Lamport 1978): larger than every time seen.
struct LamportClock: Sendable {
    /// The next message's time. Never goes back, and stops at the largest number, which only a forger reaches.
    private(set) var time: UInt64 = 1

    mutating func advance() { witness(time) }

    mutating func witness(_ seen: UInt64) {
        guard seen >= time else { return }
        time = seen == .max ? .max : seen + 1
    }
}

/// Messages seen of late, by Lamport time; tells the new from the known and the too old.
struct RecentMessages<Key: Hashable & Sendable>: Sendable {
    /// Times kept, serf's buffer; messages older than that are taken for known.
    static var timesMax: UInt64 { 512 }
    /// Messages kept of one time; further ones are taken for known.
    static var messagesMax: Int { 8 }

    private var slots: [UInt64: (time: UInt64, keys: Set<Key>)] = [:]

    /// Whether `key` at `time` is news when the clock stands at `clock`; remembers it then.
    mutating func insert(_ key: Key, at time: UInt64, clock: UInt64) -> Bool {
        guard clock <= Self.timesMax || time >= clock - Self.timesMax else { return false }
        let slot = time % Self.timesMax
        guard let known = slots[slot], known.time == time else {
            slots[slot] = (time, [key])
            return true
        }
        guard known.keys.count < Self.messagesMax else { return false }
        return slots[slot]?.keys.insert(key).inserted ?? false
    }

    /// All kept, oldest first.
    var all: [(time: UInt64, keys: Set<Key>)] { slots.values.sorted { $0.time < $1.time } }
}
