/// Plans that wait for the applier: highest priority first, first come first served within one.
package struct PlanQueue<Ticket: Sendable>: Sendable {
    private struct Waiting: Sendable {
        let ticket: Ticket
        let priority: Int
        let order: UInt64
    }

    private var waiting = Heap<Waiting> {
        $0.priority != $1.priority ? $0.priority > $1.priority : $0.order < $1.order
    }
    private var nextOrder: UInt64 = 0

    package init() {}

    package var count: Int { waiting.count }

    package mutating func enqueue(_ ticket: Ticket, priority: Int) {
        nextOrder += 1
        waiting.insert(Waiting(ticket: ticket, priority: priority, order: nextOrder))
    }

    /// Takes out up to `limit` plans.
    package mutating func dequeue(limit: Int) -> [Ticket] {
        var tickets: [Ticket] = []
        while tickets.count < limit, let next = waiting.removeFirst() { tickets.append(next.ticket) }
        return tickets
    }
}
