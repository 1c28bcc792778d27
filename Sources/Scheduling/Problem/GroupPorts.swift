package import Model

/// The host ports one instance of a task group asks for.
package struct GroupPorts: Sendable, Equatable {
    /// Asked for by number.
    package let reserved: [Port]
    /// To be chosen by the server.
    package let dynamic: [Port]

    package init(_ group: TaskGroup) {
        let networks = group.networks + group.tasks.flatMap { $0.resources?.networks ?? [] }
        reserved = networks.flatMap(\.reservedPorts)
        dynamic = networks.flatMap(\.dynamicPorts)
    }

    /// Reserved ones first, as ``PlacementBatch/ports`` has them.
    package var labels: [String] { (reserved + dynamic).map(\.label) }

    var isEmpty: Bool { reserved.isEmpty && dynamic.isEmpty }

    /// Reserved ports that must not be held twice on a node.
    package var exclusive: [UInt16] { reserved.filter { !$0.ignoreCollision }.compactMap { UInt16(exactly: $0.value) } }
}
