package import Model

/// Orders the tasks of one allocation: who may start, and who must end because others did (Nomad docs: lifecycle).
///
/// ```
/// prestart ──(ephemeral ones succeeded, sidecars run)──► main ──(all run)──► poststart
///                                                          └──(all ended)──► sidecars end ──► poststop
/// ```
/// Pure: states of tasks in, decisions out.
package struct LifecycleCoordinator: Sendable {
    package enum Role: Equatable, Sendable {
        case prestart
        case prestartSidecar
        case main
        case poststart
        case poststartSidecar
        case poststop

        package init(_ task: JobTask) {
            let sidecar = task.lifecycle?.sidecar ?? false
            switch task.lifecycle?.hook ?? "" {
            case "prestart": self = sidecar ? .prestartSidecar : .prestart
            case "poststart": self = sidecar ? .poststartSidecar : .poststart
            case "poststop": self = .poststop
            default: self = .main
            }
        }
    }

    /// Why a task has to end.
    package enum Reason: Equatable, Sendable {
        case siblingFailed(String)
        case leaderDead
        case mainTasksDead
        case stopped
    }

    private let roles: [(name: String, role: Role, leader: Bool)]
    /// The allocation is to stop: nothing but poststop tasks starts any more.
    package var isStopping = false

    package init(_ tasks: [JobTask]) { roles = tasks.map { ($0.name, Role($0), $0.leader) } }

    package func role(of task: String) -> Role { roles.first { $0.name == task }?.role ?? .main }

    /// Whether `task` may start now.
    package func mayStart(_ task: String, _ states: [String: TaskState]) -> Bool {
        let role = role(of: task)
        if role == .poststop { return endedBeforePoststop(states) }
        if isStopping { return false }
        switch role {
        case .prestart, .prestartSidecar: return true
        case .main: return prestartDone(states)
        default: return prestartDone(states) && names(.main).allSatisfy { hasStarted(states[$0]) }
        }
    }

    /// `task` will never start: the allocation stops, or what it waits for has failed.
    package func neverStarts(_ task: String, _ states: [String: TaskState]) -> Bool {
        role(of: task) != .poststop && (isStopping || failedTask(states) != nil)
    }

    /// Tasks that must end now, with the reason; each at most once by the caller's care.
    package func mustEnd(_ states: [String: TaskState]) -> [(task: String, reason: Reason)] {
        let live = roles.filter { $0.role != .poststop && states[$0.name]?.state != .dead }
        if isStopping { return live.map { ($0.name, .stopped) } }
        if let failed = failedTask(states) { return live.map { ($0.name, .siblingFailed(failed)) } }
        if let leader = roles.first(where: { $0.leader }), states[leader.name]?.state == .dead {
            return live.map { ($0.name, .leaderDead) }
        }
        let mains = names(.main)
        if !mains.isEmpty, mains.allSatisfy({ states[$0]?.state == .dead }) {
            return live.filter { $0.role == .prestartSidecar || $0.role == .poststartSidecar }
                .map { ($0.name, .mainTasksDead) }
        }
        return []
    }

    /// The leader among tasks to stop: it ends before the others.
    package var leader: String? { roles.first { $0.leader }?.name }

    private func names(_ role: Role) -> [String] { roles.filter { $0.role == role }.map(\.name) }

    private func failedTask(_ states: [String: TaskState]) -> String? {
        roles.first { $0.role != .poststop && states[$0.name]?.state == .dead && states[$0.name]?.failed == true }?.name
    }

    private func prestartDone(_ states: [String: TaskState]) -> Bool {
        names(.prestart).allSatisfy { states[$0]?.state == .dead && states[$0]?.failed == false }
            && names(.prestartSidecar).allSatisfy { hasStarted(states[$0]) }
    }

    private func hasStarted(_ state: TaskState?) -> Bool {
        guard let state else { return false }
        return state.state == .running || state.state == .dead && !state.failed
    }

    private func endedBeforePoststop(_ states: [String: TaskState]) -> Bool {
        roles.allSatisfy { $0.role == .poststop || states[$0.name]?.state == .dead }
    }

    /// The allocation's status that follows from its tasks' states.
    package func status(_ states: [String: TaskState]) -> (AllocationClientStatus, String) {
        var (pending, running, failed, dead) = (false, false, false, false)
        let anyStarted = states.values.contains { $0.state != .pending }
        for (name, role, _) in roles {
            switch states[name]?.state ?? .pending {
            case .pending: if role != .poststop || !anyStarted { pending = true }
            case .running: running = true
            case .dead:
                dead = true
                if states[name]?.failed == true { failed = true }
            }
        }
        if failed { return (.failed, "Failed tasks") }
        if running { return (.running, "Tasks are running") }
        if pending { return (.pending, "No tasks have started") }
        let allDead = dead && roles.allSatisfy { states[$0.name]?.state == .dead }
        return allDead ? (.complete, "All tasks have completed") : (.running, "Tasks are running")
    }
}
