import Basics
import Model

/// The evaluations that one quota keeps back, in the order in which their turn comes.
///
/// Room wakes as many as may use it, and each of them once: one that was made, or made again, from a state that has the room
/// in it has had its turn. What those that are woken may take is reserved for them until they are settled; what they leave goes
/// to the next.
struct QuotaLine: Sendable {
    /// By priority, then by age.
    struct Place: Comparable {
        let priority: Int
        let createIndex: UInt64
        let id: ID

        init(_ evaluation: Evaluation) {
            priority = evaluation.priority
            createIndex = evaluation.createIndex
            id = evaluation.id
        }

        static func < (left: Place, right: Place) -> Bool {
            (-left.priority, left.createIndex, left.id) < (-right.priority, right.createIndex, right.id)
        }
    }

    private(set) var places: [Place] = []
    /// Index at which the quota last had more room than before.
    private(set) var loosenedIndex: UInt64 = 0
    /// What those that are woken and not settled may take.
    private var reserved: [ID: QuotaRoomLeft] = [:]

    mutating func loosen(index: UInt64) { loosenedIndex = max(loosenedIndex, index) }

    mutating func add(_ evaluation: Evaluation) {
        let place = Place(evaluation)
        places.insert(place, at: position(place))
    }

    mutating func remove(_ evaluation: Evaluation) {
        let position = position(Place(evaluation))
        if position < places.count, places[position].id == evaluation.id { places.remove(at: position) }
    }

    /// What is left of `room` beside reservations.
    func unreserved(_ room: QuotaRoomLeft) -> QuotaRoomLeft {
        reserved.values.reduce(into: room) { $0.take($1) }
    }

    mutating func reserve(_ amounts: QuotaRoomLeft, for id: ID) { reserved[id] = amounts }

    mutating func release(_ id: ID) { reserved[id] = nil }

    /// The first position that is not before `place`.
    private func position(_ place: Place) -> Int {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle] < place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
