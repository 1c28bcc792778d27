/// Rumours to piggyback on packets: those sent least often first, each a limited number of times (SWIM §4.1).
struct BroadcastQueue: Sendable {
    /// Waiting rumours; sorted by transmissions, then newest first.
    private var items: [Item] = []
    private var lastNumber: UInt64 = 0
    private let itemsMax: Int

    private struct Item: Sendable {
        let number: UInt64
        let subject: String?
        let message: [UInt8]
        var transmissions: Int
    }

    /// - Parameter itemsMax: beyond it the rumour sent most often is dropped.
    init(itemsMax: Int) { self.itemsMax = itemsMax }

    var isEmpty: Bool { items.isEmpty }
    var count: Int { items.count }

    /// Queues `message` and returns its number; a waiting one about the same `subject` is replaced.
    @discardableResult
    mutating func add(_ message: [UInt8], about subject: String? = nil) -> UInt64 {
        if let subject { items.removeAll { $0.subject == subject } }
        lastNumber += 1
        items.insert(Item(number: lastNumber, subject: subject, message: message, transmissions: 0), at: 0)
        if items.count > itemsMax { items.removeLast() }
        return lastNumber
    }

    /// Whether the rumour of that number still has transmissions left.
    func holds(_ number: UInt64) -> Bool { items.contains { $0.number == number } }

    /// Takes rumours that fit in `bytes`, each with `overhead` more bytes, at most `count` of them; counts them as sent once more and drops
    /// those sent `limit` times.
    mutating func take(bytes: Int, overhead: Int, count: Int, limit: Int) -> [[UInt8]] {
        var (taken, free) = ([[UInt8]](), bytes)
        for index in items.indices where taken.count < count {
            let size = items[index].message.count + overhead
            guard size <= free else { continue }
            free -= size
            taken.append(items[index].message)
            items[index].transmissions += 1
        }
        guard !taken.isEmpty else { return [] }
        items.removeAll { $0.transmissions >= limit }
        items.sort { ($0.transmissions, $1.number) < ($1.transmissions, $0.number) }
        return taken
    }
}
