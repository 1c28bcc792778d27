/// A cluster and the tasks that come to it.
package struct Trace: Sendable, Equatable {
    /// A machine.
    package struct Node: Sendable, Equatable {
        package var name: String
        /// Thousandths of a core.
        package var cpu: Int64
        package var memoryMiB: Int64
        /// Whole devices, all of one model.
        package var deviceCount: Int
        package var deviceModel: String
    }

    /// What a task asks for; tasks of one shape are alike to a scheduler.
    package struct Shape: Sendable, Hashable {
        /// Thousandths of a core.
        package var cpu: Int64
        package var memoryMiB: Int64
        /// Devices of one model, each with `deviceShare` thousandths.
        package var deviceCount: Int
        package var deviceShare: Int
        /// Models that will do, in byte order; empty: any.
        package var models: [String]

        /// Thousandths of a device in all.
        var deviceMilli: Int64 { Int64(deviceCount * deviceShare) }

        func allows(_ model: String) -> Bool { models.isEmpty || models.contains(model) }
    }

    /// A piece of work.
    package struct Task: Sendable, Equatable {
        package var name: String
        /// Number in ``Trace/shapes``.
        package var shape: Int
        /// Seconds from the trace's beginning.
        package var arrival: Int64
        /// Nil: it stays.
        package var departure: Int64?
    }

    package private(set) var nodes: [Node] = []
    package private(set) var shapes: [Shape] = []
    package private(set) var tasks: [Task] = []
    private var shapeNumbers: [Shape: Int] = [:]

    package init() {}

    package mutating func add(_ node: Node) { nodes.append(node) }

    package mutating func add(name: String, _ shape: Shape, arrival: Int64 = 0, departure: Int64? = nil) {
        let number = shapeNumbers[shape] ?? shapes.count
        if number == shapes.count {
            shapes.append(shape)
            shapeNumbers[shape] = number
        }
        tasks.append(Task(name: name, shape: number, arrival: arrival, departure: departure))
    }

    /// Thousandths of a device that the cluster has.
    var deviceCapacity: Int64 { nodes.reduce(0) { $0 + Int64($1.deviceCount) * 1_000 } }

    package func shape(_ task: Int) -> Shape { shapes[tasks[task].shape] }
}

/// A trace that cannot be read or played: where, and what is wrong.
package struct TraceError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    init(_ file: String, line: Int, _ problem: String) { description = "\(file):\(line): \(problem)" }
}
