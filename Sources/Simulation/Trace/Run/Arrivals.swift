internal import Basics

/// What happens in a run, in order.
enum TraceEvent: Equatable {
    /// A copy of a task of the trace comes; arrivals are numbered from 0 as they come.
    case arrival(task: Int)
    /// What came as arrival number `arrival` goes, if it found a place.
    case departure(arrival: Int)
}

extension Trace {
    /// The openb protocol: the tasks shuffled, and copies of random ones after them, until `percent` of the cluster's devices
    /// have been asked for; none leaves. Without any devices, the tasks shuffled.
    func shuffledArrivals(seed: UInt64, percent: Int64) -> [TraceEvent] {
        var generator = SeededGenerator(seed: seed)
        let order = tasks.indices.shuffled(using: &generator)
        let wanted = deviceCapacity * percent / 100
        let isEndless = shapes.contains { $0.deviceMilli > 0 }
        var events: [TraceEvent] = []
        var asked: Int64 = 0
        for position in 0..<TraceLimits.arrivalsMax {
            guard isEndless && wanted > 0 ? asked < wanted : position < order.count else { break }
            let task = position < order.count ? order[position] : order.randomElement(using: &generator) ?? 0
            asked += shape(task).deviceMilli
            events.append(.arrival(task: task))
        }
        return events
    }

    /// As the trace's own moments say; what leaves at a moment leaves before anything comes.
    func timedEvents() -> [TraceEvent] {
        let order = tasks.indices.sorted { (tasks[$0].arrival, $0) < (tasks[$1].arrival, $1) }
        let leaving = order.indices.filter { tasks[order[$0]].departure != nil }
            .map { (moment: tasks[order[$0]].departure ?? 0, arrival: $0) }.sorted { $0 < $1 }
        var events: [TraceEvent] = []
        var next = 0
        for task in order {
            while next < leaving.count, leaving[next].moment <= tasks[task].arrival {
                events.append(.departure(arrival: leaving[next].arrival))
                next += 1
            }
            events.append(.arrival(task: task))
        }
        return events + leaving[next...].map { .departure(arrival: $0.arrival) }
    }
}
