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
    case failTasks
    case changeScheduler
    case collectGarbage
    case saveSnapshot

    case loseMessages
    /// Messages come once more, late: twice, and out of order.
    case echoMessages
    /// Servers fall into two groups, one of which does not hear the other, or neither hears.
    case partition
    case isolateServer
    /// A server's process dies.
    case killServer
    /// A server's machine loses power in the middle of what it does.
    case cutPower
    /// A server hangs, and goes on as if no time had passed.
    case hangServer
    case failSync
    case slowDisk
    case fillDisk
    /// A server's wall-clock time is set forward or back.
    case setClock
    case transferLeadership
    /// A server leaves in good order, is away for a while, and comes back.
    case leaveServer
    /// A server is removed from the group, goes on for a while, and gives way to another one.
    case removeServer
    /// A server's disk is lost: another server takes its place, and the dead one is removed.
    case replaceServer

    /// How often it happens beside the others.
    private var weight: Int {
        switch self {
        case .register: 14
        case .changeDestructively, .scale: 5
        case .changeInPlace, .stopJob, .stopAllocation, .crashNode, .cutPower: 3
        case .isolateNode, .loseMessages, .failTasks, .joinNode, .changeScheduler, .saveSnapshot: 2
        case .partition, .hangServer: 3
        case .echoMessages, .isolateServer, .slowDisk, .transferLeadership, .killServer: 2
        case .purgeJob, .toggleEligibility, .failSync, .collectGarbage: 1
        case .fillDisk, .setClock, .leaveServer, .removeServer, .replaceServer: 1
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
