package import Basics
package import Model

/// Judges whether an allocation of a deployment is healthy by its tasks' states (Nomad docs: update, health_check).
///
/// Healthy once every task that should run has run for `minHealthyTime` without a restart; unhealthy when a task fails or the
/// deadline passes. The verdict is given once.
package struct HealthTracker: Sendable {
    private let minHealthyTime: Duration
    private let deadline: Uptime
    private var healthySince: Uptime?
    private var restarts: UInt64 = 0
    private var verdict: Bool?

    package init(update: UpdateStrategy?, start: Uptime) {
        minHealthyTime = update?.minHealthyTime ?? .seconds(10)
        deadline = start + (update?.healthyDeadline ?? .seconds(300))
    }

    /// When to look again without a change of state; nil once the verdict is given.
    package var nextLook: Uptime? {
        guard verdict == nil else { return nil }
        guard let healthySince else { return deadline }
        return min(healthySince + minHealthyTime, deadline)
    }

    /// Looks at the states at `now`; the verdict when it is reached by this look.
    package mutating func look(
        _ states: [String: TaskState], _ coordinator: LifecycleCoordinator, now: Uptime
    ) -> Bool? {
        guard verdict == nil else { return nil }
        if states.values.contains(where: { $0.state == .dead && $0.failed }) { return settle(false) }
        let total = states.values.reduce(0) { $0 + $1.restarts }
        if total != restarts || !isUp(states, coordinator) { healthySince = nil }
        restarts = total
        if isUp(states, coordinator) {
            let since = healthySince ?? now
            healthySince = since
            if now - since >= minHealthyTime { return settle(true) }
        }
        return now >= deadline ? settle(false) : nil
    }

    private mutating func settle(_ healthy: Bool) -> Bool {
        verdict = healthy
        return healthy
    }

    private func isUp(_ states: [String: TaskState], _ coordinator: LifecycleCoordinator) -> Bool {
        states.allSatisfy { name, state in
            switch coordinator.role(of: name) {
            case .main, .prestartSidecar, .poststartSidecar: state.state == .running
            case .prestart, .poststart: state.state == .dead && !state.failed
            case .poststop: true
            }
        }
    }
}
