package import Model

/// What is left of a quota, or what somebody takes of it, in MHz, cores and MiB; ``unlimited`` where there is no limit.
package struct QuotaRoomLeft: Sendable, Equatable {
    /// Far above anything that jobs ask for, and far enough from the end of the range to be added up.
    package static let unlimited = Int.max >> 16

    private var amounts: [4 of Int] = [0, 0, 0, 0]

    package static func == (left: QuotaRoomLeft, right: QuotaRoomLeft) -> Bool {
        (0..<4).allSatisfy { left.amounts[$0] == right.amounts[$0] }
    }

    package init(_ resources: QuotaResources) {
        amounts = [resources.cpu, resources.cores, resources.memoryMB, resources.memoryMaxMB]
    }

    /// Nil is no limit at all.
    package init(_ left: ResourceVector?) {
        let left = left.map { [$0.cpu, $0.cores, $0.memory, $0.memoryMax] }
        for dimension in 0..<4 { amounts[dimension] = min(Int(left?[dimension] ?? .max), Self.unlimited) }
    }

    /// Whether it holds `other`: what takes nothing of a dimension fits in it, whatever is left.
    func holds(_ other: QuotaRoomLeft) -> Bool {
        (0..<4).allSatisfy { other.amounts[$0] <= 0 || other.amounts[$0] <= amounts[$0] }
    }

    /// Something is left of every dimension.
    var isOpen: Bool { (0..<4).allSatisfy { amounts[$0] > 0 } }

    mutating func take(_ other: QuotaRoomLeft) {
        for dimension in 0..<4 { amounts[dimension] -= max(0, other.amounts[dimension]) }
    }
}
