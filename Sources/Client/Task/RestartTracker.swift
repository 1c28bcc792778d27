package import Basics
package import Model

/// Decides whether a task that ended, or could not start, runs again on this node (Nomad docs: restart).
///
/// Attempts are counted within an interval that begins with the first of them; when it is over, counting starts anew. When the
/// attempts are used up, mode `fail` gives up and mode `delay` waits for the interval's end. Delays get up to a quarter of jitter.
package struct RestartTracker: Sendable {
    package enum Decision: Equatable, Sendable {
        /// Run again after the delay.
        case restart(after: Duration, reason: String)
        /// Give up: the task has failed.
        case fail(reason: String)
        /// The task has done its work.
        case done
    }

    package enum Ending: Equatable, Sendable {
        case exited(success: Bool)
        /// Could not be started; `recoverable`: trying again may help.
        case startFailed(recoverable: Bool)
    }

    private let interval: Duration
    private let attempts: Int
    private let delay: Duration
    private let isDelayMode: Bool
    /// A success is a reason to run again: services, and sidecars of any job.
    private let restartsOnSuccess: Bool
    private var count = 0
    private var windowStart: Uptime?

    package init(policy: RestartPolicy, jobType: JobType, lifecycle: TaskLifecycle?) {
        let batch = jobType.runsToCompletion
        interval = policy.interval ?? (batch ? .seconds(86_400) : .seconds(1_800))
        attempts = policy.attempts ?? (batch ? 3 : 2)
        delay = policy.delay ?? .seconds(15)
        isDelayMode = policy.mode == "delay"
        if let lifecycle, !lifecycle.hook.isEmpty {
            restartsOnSuccess = lifecycle.sidecar
        } else {
            restartsOnSuccess = !batch
        }
    }

    /// Decides about one ending at `now`.
    package mutating func decide(
        _ ending: Ending, now: Uptime, using generator: inout some RandomNumberGenerator
    ) -> Decision {
        switch ending {
        case .exited(success: true) where !restartsOnSuccess: return .done
        case .startFailed(recoverable: false): return .fail(reason: "Error was unrecoverable")
        default: break
        }
        if attempts == 0 { return .fail(reason: "Policy allows no restarts") }
        if let start = windowStart, now - start <= interval {
            count += 1
        } else {
            windowStart = now
            count = 1
        }
        if count <= attempts { return .restart(after: jittered(delay, &generator), reason: "Restart within policy") }
        guard isDelayMode, let start = windowStart else {
            let text = "Exceeded allowed attempts \(attempts) in interval \(interval.goText) and mode is \"fail\""
            return .fail(reason: text)
        }
        let left = interval - (now - start)
        return .restart(after: jittered(left, &generator), reason: "Exceeded allowed attempts, applying a delay")
    }

    private func jittered(_ duration: Duration, _ generator: inout some RandomNumberGenerator) -> Duration {
        let quarter = max(0, duration.nanosecondCount / 4)
        return duration + .nanoseconds(Int64.random(in: 0...max(1, quarter), using: &generator))
    }
}
