import Basics
import Model

/// Evaluations in the order in which their turn comes: by priority, then by age.
struct WaitingLine: Sendable {
    struct Place: Comparable, Sendable {
        let priority: Int
        let createIndex: UInt64
        let id: ID
        /// What it has seen; no part of the order.
        let snapshotIndex: UInt64

        init(_ evaluation: Evaluation) {
            priority = evaluation.priority
            createIndex = evaluation.createIndex
            id = evaluation.id
            snapshotIndex = evaluation.snapshotIndex
        }

        static func < (left: Place, right: Place) -> Bool {
            (-left.priority, left.createIndex, left.id) < (-right.priority, right.createIndex, right.id)
        }
    }

    private(set) var places: [Place] = []

    mutating func add(_ evaluation: Evaluation) {
        let place = Place(evaluation)
        places.insert(place, at: position(place))
    }

    mutating func remove(_ evaluation: Evaluation) {
        let position = position(Place(evaluation))
        if position < places.count, places[position].id == evaluation.id { places.remove(at: position) }
    }

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
