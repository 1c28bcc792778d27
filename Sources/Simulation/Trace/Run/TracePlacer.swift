internal import Basics

/// Chooses where a task goes: a scheduler plug-in, or a baseline.
package protocol TracePlacer: AnyObject {
    /// A place for one instance of `shape`; nil: there is none.
    func place(_ shape: Int, on cluster: TraceCluster) throws -> Placement?
}

/// Any node that fits and any of its devices that do, each as likely as the other: what every policy should beat.
final class RandomPlacer: TracePlacer {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    func place(_ shape: Int, on cluster: TraceCluster) -> Placement? {
        let fitting = cluster.trace.nodes.indices.filter { cluster.fits(shape, $0) }
        guard let node = fitting.randomElement(using: &generator) else { return nil }
        let devices = cluster.fittingDevices(shape, node).shuffled(using: &generator)
        return Placement(node: node, devices: devices.prefix(cluster.trace.shapes[shape].deviceCount).sorted())
    }
}
