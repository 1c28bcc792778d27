import Basics
package import Model

/// A node and what follows from its definition.
package final class NodeRecord: Sendable {
    package let node: Node
    package let row: NodeRow
    /// All resources less the reserved ones.
    package let capacity: ResourceVector
    /// Host ports the node keeps for itself, sorted.
    package let reservedPorts: [UInt16]
    /// Copies of what schedulers ask of every node, so that they need not copy the node.
    package let isReady: Bool
    package let status: NodeStatus
    /// What a whole core takes of the node's MHz.
    package let coreMHz: Int64

    init(node: Node, row: NodeRow) {
        self.node = node
        self.row = row
        isReady = node.isReady
        status = node.status
        capacity = NodeRecord.capacity(of: node)
        reservedPorts = NumberRanges.parse(node.reservedResources.networks.reservedHostPorts)
        let cpu = node.nodeResources.cpu
        coreMHz = cpu.cpuShares / Int64(max(1, cpu.totalCpuCores))
    }

    /// Amounts as they count on this node: a whole core takes its MHz too.
    package func counted(_ amounts: ResourceVector) -> ResourceVector {
        guard amounts.cores != 0 else { return amounts }
        var counted = amounts
        counted.cpu &+= amounts.cores &* coreMHz
        return counted
    }

    private static func capacity(of node: Node) -> ResourceVector {
        let total = node.nodeResources
        let reserved = node.reservedResources
        var vector = ResourceVector()
        vector.cpu = total.cpu.cpuShares - reserved.cpu.cpuShares
        let kept = Set(reserved.cpu.reservedCpuCores)
        vector.cores = Int64(total.cpu.reservableCpuCores.count { !kept.contains($0) })
        vector.memory = total.memory.memoryMB - reserved.memory.memoryMB
        vector.memoryMax = total.memory.memoryMB - reserved.memory.memoryMB
        vector.disk = total.disk.diskMB - reserved.disk.diskMB
        vector.network = total.networks.reduce(0) { $0 + Int64($1.mBits ?? 0) }
        return vector
    }
}

/// Reads lists of ports or cores such as `22,80,8500-8600`.
package enum NumberRanges {
    /// The numbers, sorted and without repetition; pieces that are no numbers are left out.
    package static func parse(_ text: String) -> [UInt16] {
        var numbers: Set<UInt16> = []
        for piece in text.split(separator: ",") {
            let bounds = piece.split(separator: "-").map { UInt16($0.filter { $0 != " " }) }
            guard let low = bounds.first.flatMap({ $0 }), let high = bounds.last.flatMap({ $0 }), low <= high else {
                continue
            }
            numbers.formUnion(low...high)
        }
        return numbers.sorted()
    }
}

/// What changes about a node with every placement, as plain data.
struct NodeLoad: BitwiseCopyable, Sendable {
    /// The sum over allocations that are not terminal.
    var usage = ResourceVector()
    /// Index of the last change of an allocation here by a server: what the node's client waits for.
    var serverIndex: UInt64 = 0
    /// Index of the last change of an allocation here by anyone.
    var allocationIndex: UInt64 = 0
    /// Index at which the row last went into the touched-row log.
    var touchedIndex: UInt64 = 0
    /// The length of the node's list of allocations.
    var rowCount: UInt32 = 0
}

/// Ports that live allocations hold on a node, sorted; a port shared on purpose appears as often as it is held.
struct PortSet: Sendable, Equatable {
    private(set) var ports: [UInt16] = []

    mutating func insert(_ port: UInt16) { ports.insert(port, at: lowerBound(port)) }

    mutating func remove(_ port: UInt16) {
        let position = lowerBound(port)
        if position < ports.count, ports[position] == port { ports.remove(at: position) }
    }

    private func lowerBound(_ port: UInt16) -> Int {
        var low = 0
        var high = ports.count
        while low < high {
            let middle = (low + high) / 2
            if ports[middle] < port { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
