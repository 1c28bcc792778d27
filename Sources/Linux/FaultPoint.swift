internal import Glibc
internal import Synchronization

/// A named place at which a test has the process killed, as `kill -9` from outside would, but at exactly that place.
///
/// `DROVER_FAULT_POINT=NAME[:COUNT]` ends the process with SIGKILL when it reaches NAME the COUNTth time, 1 by default; NAME is a
/// ``Moment`` and a ``Side`` of it, as in "client.handle.before". With `DROVER_FAULT_MARK=FILE` only the process that creates FILE
/// dies, so that of an agent, its plug-in hosts and the shims one dies once, and the test sees that it did. Without the first
/// variable a point costs the test of one constant.
package enum FaultPoint {
    /// What a process does that a kill may cut off; the first word tells whose deed it is. Each has a point before it and one after.
    ///
    /// The order is that of a task's life. `KillTests` kills at every point of every moment.
    package enum Moment: String, CaseIterable, Sendable {
        /// The client writes down which attempt it is about to start.
        case clientIdentity = "client.identity"
        /// The client makes a network of an allocation's own: one before and one after each thing done to the machine.
        case clientNetwork = "client.network"
        /// The executor, in a plug-in host or in the agent, makes the shim's process.
        case executorSpawn = "executor.spawn"
        /// The shim makes the task's process; afterwards its record does not tell of it yet. Reached in C.
        case shimSpawn = "shim.spawn"
        /// The shim says that the task runs, which its record tells already. Reached in C.
        case shimAnswer = "shim.answer"
        /// The executor waits for what the shim says.
        case executorAnswer = "executor.answer"
        /// The plug-in host passes the driver's answer to `start` on to the agent.
        case hostAnswer = "host.answer"
        /// The agent takes the answer to `start` in and keeps the handle in memory.
        case agentAnswer = "agent.answer"
        /// The client stores the handle.
        case clientHandle = "client.handle"
        /// The client's report of its allocations goes to a server: unsent before, arrived and not yet in the log after.
        case clientReport = "client.report"
        /// The server's acknowledgement of a report goes back: the report is committed before, the client has heard it after.
        case serverAcknowledgement = "server.acknowledgement"
        /// The shim writes down how the task ended. Reached in C.
        case shimEnd = "shim.end"
        /// The client stores that the task has ended.
        case clientEnd = "client.end"
        /// Any file of the agent reaches the disk.
        case diskSync = "disk.sync"
    }

    package enum Side: String, CaseIterable, Sendable {
        case before
        case after
    }

    private static let left = Atomic<Int>(0)

    /// The point named by the environment.
    private static let name: String? = {
        guard let text = variable("DROVER_FAULT_POINT"), !text.isEmpty else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1)
        left.store(parts.count > 1 ? Int(parts[1]) ?? 1 : 1, ordering: .relaxed)
        return parts.first.map(String.init)
    }()

    package static let isArmed = name != nil

    /// Ends the process when the environment names this point.
    package static func before(_ moment: Moment) {
        if isArmed { strike(moment, .before) }
    }

    /// Ends the process when the environment names this point.
    package static func after(_ moment: Moment) {
        if isArmed { strike(moment, .after) }
    }

    /// What the environment calls the point.
    package static func name(_ side: Side, _ moment: Moment) -> String { "\(moment.rawValue).\(side.rawValue)" }

    /// What programs started by this one need, so that their points are armed too; "NAME=value".
    package static var environment: [String] {
        guard isArmed else { return [] }
        return ["DROVER_FAULT_POINT", "DROVER_FAULT_MARK"].compactMap { key in variable(key).map { "\(key)=\($0)" } }
    }

    private static func strike(_ moment: Moment, _ side: Side) {
        guard name == name(side, moment), left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
        if let mark = variable("DROVER_FAULT_MARK") {
            guard (try? FileDescriptor(path: mark, flags: O_WRONLY | O_CREAT | O_EXCL)) != nil else { return }
        }
        _ = kill(getpid(), SIGKILL)
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
