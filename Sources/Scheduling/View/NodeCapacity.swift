import CDroverABI
package import Model

/// What tasks may use of a node, as the fit function takes it.
package struct NodeCapacity: Sendable {
    private var amounts: ResourceVector

    /// - Parameter available: the node's resources less its reserve.
    package init(_ available: ResourceVector) {
        amounts = available
        // A reserve larger than the node leaves nothing, not less. Oversubscribed memory is not limited by the node.
        amounts.cpu = max(0, available.cpu)
        amounts.cores = max(0, available.cores)
        amounts.memory = max(0, available.memory)
        amounts.memoryMax = DROVER_UNLIMITED
        amounts.disk = max(0, available.disk)
        amounts.network = max(0, available.network)
    }

    package subscript(dimension: ResourceDimension) -> Int64 { amounts[dimension] }

    /// The first dimension that does not hold `ask` beside `used`, or nil when all do (`drover_fit`).
    package func exhaustedDimension(used: ResourceVector, ask: ResourceVector) -> ResourceDimension? {
        let result = amounts.withDimensions { capacity in
            used.withDimensions { used in
                ask.withDimensions { drover_fit(capacity, used, $0, DROVER_DIMENSIONS) }
            }
        }
        return result == DROVER_FITS ? nil : ResourceDimension(rawValue: Int(result))
    }
}

extension ResourceVector {
    /// The amounts as an array in the order of ``ResourceDimension``, which is that of `drover/fit.h`.
    func withDimensions<Result>(_ body: (UnsafePointer<Int64>) -> Result) -> Result {
        withUnsafePointer(to: self) {
            $0.withMemoryRebound(to: Int64.self, capacity: Int(DROVER_DIMENSIONS)) { body($0) }
        }
    }
}

/// The host ports a node gives out by itself.
package struct DynamicPortRange: Sendable, Equatable {
    package let first: Int
    package let last: Int

    /// The node's own range, or 20000-32000.
    package init(_ node: Node) {
        let resources = node.nodeResources
        let isSet = resources.minDynamicPort > 0 && resources.maxDynamicPort >= resources.minDynamicPort
        first = isSet ? resources.minDynamicPort : 20_000
        last = isSet ? min(resources.maxDynamicPort, 65_535) : 32_000
    }

    package var size: Int { max(0, last - first + 1) }

    /// How many of `ports`, sorted, lie in the range; a port held twice counts once.
    func count(in ports: [UInt16]) -> Int {
        var count = 0
        var previous: UInt16?
        for port in ports where Int(port) >= first && Int(port) <= last {
            if port != previous { count += 1 }
            previous = port
        }
        return count
    }
}
