import Basics
import Model

/// The evaluations that one quota keeps back, in the order in which their turn comes.
///
/// Room wakes as many as may use it, and each of them once: one that was made, or made again, from a state that has the room
/// in it has had its turn. What those that are woken may take is reserved for them until they are settled; what they leave goes
/// to the next.
struct QuotaLine: Sendable {
    private var line = WaitingLine()
    /// Index at which the quota last had more room than before.
    private(set) var loosenedIndex: UInt64 = 0
    /// What those that are woken and not settled may take.
    private var reserved: [ID: QuotaRoomLeft] = [:]

    mutating func loosen(index: UInt64) { loosenedIndex = max(loosenedIndex, index) }

    var places: [WaitingLine.Place] { line.places }

    mutating func add(_ evaluation: Evaluation) { line.add(evaluation) }

    mutating func remove(_ evaluation: Evaluation) { line.remove(evaluation) }

    /// What is left of `room` beside reservations.
    func unreserved(_ room: QuotaRoomLeft) -> QuotaRoomLeft {
        reserved.values.reduce(into: room) { $0.take($1) }
    }

    mutating func reserve(_ amounts: QuotaRoomLeft, for id: ID) { reserved[id] = amounts }

    mutating func release(_ id: ID) { reserved[id] = nil }
}
