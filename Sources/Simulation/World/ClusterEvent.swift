internal import Basics

/// Something that happens to a simulated cluster.
enum ClusterEvent: String, CaseIterable {
    /// A job is registered, or changed when it exists.
    case register
    case changeInPlace
    case changeDestructively
    case scale
    case stopJob
    case purgeJob
    case stopAllocation
    case joinNode
    /// A node falls silent and comes back without its tasks.
    case crashNode
    /// A node goes on but is not heard, nor hears.
    case isolateNode
    case toggleEligibility
    case loseMessages
    case failTasks
    /// The server's process dies.
    case killServer
    /// The server's machine loses power in the middle of what it does.
    case cutPower
    case failSync
    case saveSnapshot
    case changeScheduler
    case collectGarbage

    /// How often it happens beside the others.
    private var weight: Int {
        switch self {
        case .register: 14
        case .changeDestructively, .scale: 5
        case .changeInPlace, .stopJob, .stopAllocation, .crashNode, .cutPower: 3
        case .isolateNode, .loseMessages, .failTasks, .joinNode, .changeScheduler, .saveSnapshot: 2
        case .purgeJob, .toggleEligibility, .killServer, .failSync, .collectGarbage: 1
        }
    }

    /// A whole run's events with their moments, ascending; the first few fill the cluster.
    static func script(_ settings: ClusterSettings, random: some RandomSource) -> [(at: Duration, event: ClusterEvent)]
    {
        let bag = allCases.flatMap { Array(repeating: $0, count: $0.weight) }
        let spread = UInt64(max(1, settings.chaos.nanosecondCount))
        var moments = (0..<settings.events).map { _ in Int64(random.next() % spread) }
        moments.sort()
        return moments.enumerated().map { position, moment in
            let event = position < 3 ? ClusterEvent.register : bag[Int(random.next() % UInt64(bag.count))]
            return (.nanoseconds(moment), event)
        }
    }
}
