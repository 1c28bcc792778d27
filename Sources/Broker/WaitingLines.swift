import Basics
import Model

/// The evaluations that wait for nodes, in a line for each thing that is waited for, so that little is looked at of very many when one
/// node gains room.
///
/// First they are told apart by the nodes that may suit, of which there are few kinds; then by what they lack. Of that the least amounts
/// lie side by side, and they are all that is read of most.
struct WaitingLines: Sendable {
    /// Nodes that may suit.
    struct Spot: Hashable, Sendable {
        let nodePool: String
        /// Classes of nodes known to suit or not to.
        let classes: [String: Bool]

        /// Whether nodes of the class may hold what is waited for: unless it is known that they cannot.
        func suits(_ room: NodeRoom) -> Bool {
            (nodePool == "all" || nodePool == room.nodePool) && classes[room.computedClass] != false
        }
    }

    /// What a node must have at least to serve a line; `evicts` is whether what others hold there counts.
    private struct Bound: Sendable {
        let least: RoomAmounts
        let evicts: Bool

        init(_ need: PlacementNeed?) {
            least = need?.least ?? RoomAmounts()
            evicts = need?.evictsUpTo != nil
        }
    }

    /// The lines of one spot; `bounds`, `needs` and `lines` go together.
    private struct Section: Sendable {
        var bounds: [Bound] = []
        var needs: [PlacementNeed?] = []
        var lines: [WaitingLine] = []
        var positions: [PlacementNeed?: Int] = [:]

        mutating func add(_ evaluation: Evaluation, _ need: PlacementNeed?) {
            if let position = positions[need] { return lines[position].add(evaluation) }
            positions[need] = lines.count
            bounds.append(Bound(need))
            needs.append(need)
            lines.append(WaitingLine())
            lines[lines.count - 1].add(evaluation)
        }

        mutating func remove(_ evaluation: Evaluation, _ need: PlacementNeed?) {
            guard let position = positions[need] else { return }
            lines[position].remove(evaluation)
            guard lines[position].places.isEmpty else { return }
            // The last takes its place.
            positions[need] = nil
            let last = lines.count - 1
            if position < last {
                positions[needs[last]] = position
                bounds[position] = bounds[last]
                needs[position] = needs[last]
                lines.swapAt(position, last)
            }
            bounds.removeLast()
            needs.removeLast()
            lines.removeLast()
        }
    }

    private var sections: [Spot: Section] = [:]
    /// How many of those that wait may evict to get somewhere.
    private(set) var evictors = 0

    var isEmpty: Bool { sections.isEmpty }

    mutating func add(_ evaluation: Evaluation, at spot: Spot, _ need: PlacementNeed?) {
        sections[spot, default: Section()].add(evaluation, need?.ofOneInstance)
        if need?.evictsUpTo != nil { evictors += 1 }
    }

    /// Takes out one that was added so.
    mutating func remove(_ evaluation: Evaluation, at spot: Spot, _ need: PlacementNeed?) {
        sections[spot]?.remove(evaluation, need?.ofOneInstance)
        if sections[spot]?.lines.isEmpty == true { sections[spot] = nil }
        if need?.evictsUpTo != nil { evictors -= 1 }
    }

    /// Those for whom there is room on a node, of those that have not seen what it gained at `index`, in the order of their turns, and
    /// what each may take: `share` says what that is, of the room that those before it leave; nothing when that is not known.
    func turns(
        in room: NodeRoom, since index: UInt64, share: (ID, NodeRoom) -> RoomAmounts?
    ) -> [(id: ID, share: RoomAmounts?)] {
        var room = room
        var served: [(id: ID, share: RoomAmounts?)] = []
        var turns = Heap<Turn> { $0.place < $1.place }
        var (least, leastToEvict) = (RoomAmounts.most, RoomAmounts.most)
        var suiting: [Section] = []
        let (free, mostFree) = (room.free, room.freeByEviction)
        for (spot, section) in sections {
            // Asked last: most have no room here, whatever the node is.
            var suits: Bool?
            for (position, bound) in section.bounds.enumerated()
            where (bound.evicts ? mostFree : free).covers(bound.least) {
                suits = suits ?? spot.suits(room)
                guard suits == true else { break }
                guard let turn = Turn(suiting.count, position, 0, section.lines[position], since: index),
                    section.needs[position].map({ room.share(for: $0) != nil }) ?? true
                else { continue }
                turns.insert(turn)
                if bound.evicts { leastToEvict.lower(to: bound.least) } else { least.lower(to: bound.least) }
            }
            if suits == true { suiting.append(section) }
        }
        while let turn = turns.removeFirst() {
            guard room.free.covers(least) || room.freeByEviction.covers(leastToEvict) else { break }
            let section = suiting[turn.section]
            // Room only gets less here, so that there is none for the whole line.
            if let need = section.needs[turn.line], room.share(for: need) == nil { continue }
            let amounts = share(turn.place.id, room)
            if let amounts { room.take(amounts) }
            served.append((turn.place.id, amounts))
            let next = Turn(turn.section, turn.line, turn.position + 1, section.lines[turn.line], since: index)
            if let next { turns.insert(next) }
        }
        return served
    }

    /// The first of a line that has not had its turn.
    private struct Turn {
        let section: Int
        let line: Int
        let position: Int
        let place: WaitingLine.Place

        init?(_ section: Int, _ line: Int, _ from: Int, _ waiting: WaitingLine, since index: UInt64) {
            let rest = waiting.places[from...]
            guard let position = rest.firstIndex(where: { $0.snapshotIndex < index }) else { return nil }
            (self.section, self.line, self.position, place) = (section, line, position, rest[position])
        }
    }
}
