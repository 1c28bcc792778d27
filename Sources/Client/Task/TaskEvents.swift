internal import Basics
internal import Model

/// Task events with the texts users know; each names one thing that happened.
extension TaskEvent {
    init(_ type: String, _ text: String = "", details: [String: String] = [:]) {
        self.init()
        self.type = type
        displayMessage = text
        self.details = details
    }

    static var received: TaskEvent { TaskEvent(TaskEventType.received, "Task received by client") }

    static var setup: TaskEvent {
        var event = TaskEvent(TaskEventType.taskSetup, "Building Task Directory")
        event.message = "Building Task Directory"
        event.details["message"] = event.message
        return event
    }

    static var started: TaskEvent { TaskEvent(TaskEventType.started, "Task started by client") }

    static func setupFailure(_ reason: String, failsTask: Bool = true) -> TaskEvent {
        var event = TaskEvent(TaskEventType.setupFailure, reason, details: ["setup_error": reason])
        event.setupError = reason
        event.failsTask = failsTask
        if failsTask { event.details["fails_task"] = "true" }
        return event
    }

    static func failedValidation(_ reason: String) -> TaskEvent {
        var event = TaskEvent(TaskEventType.failedValidation, reason, details: ["validation_error": reason])
        event.validationError = reason
        event.failsTask = true
        return event
    }

    static func driverFailure(_ reason: String) -> TaskEvent {
        var event = TaskEvent(TaskEventType.driverFailure, reason, details: ["driver_error": reason])
        event.driverError = reason
        return event
    }

    static func driver(_ message: String, details: [String: String]) -> TaskEvent {
        var event = TaskEvent(TaskEventType.driver, message, details: details)
        event.details["driver_message"] = message
        event.driverMessage = message
        return event
    }

    static func terminated(code: Int, signal: Int, oom: Bool, message: String?) -> TaskEvent {
        var text = "Exit Code: \(code)"
        if signal != 0 { text += ", Signal: \(signal)" }
        if let message { text += ", Exit Message: \"\(message)\"" }
        var event = TaskEvent(TaskEventType.terminated, text)
        event.details = ["exit_code": "\(code)", "signal": "\(signal)", "oom_killed": "\(oom)"]
        if let message { event.details["exit_message"] = message }
        event.exitCode = code
        event.signal = signal
        event.message = message ?? ""
        return event
    }

    static func restarting(after delay: Duration, reason: String) -> TaskEvent {
        var event = TaskEvent(TaskEventType.restarting, "Task restarting in \(delay.goText)")
        event.details = ["restart_reason": reason, "start_delay": "\(delay.nanosecondCount)"]
        event.restartReason = reason
        event.startDelay = delay
        return event
    }

    static func notRestarting(_ reason: String, failed: Bool) -> TaskEvent {
        var event = TaskEvent(TaskEventType.notRestarting, reason, details: ["restart_reason": reason])
        event.restartReason = reason
        event.failsTask = failed
        if failed { event.details["fails_task"] = "true" }
        return event
    }

    static func restartSignaled(_ reason: String) -> TaskEvent {
        var event = TaskEvent(TaskEventType.restartSignaled, reason, details: ["restart_reason": reason])
        event.restartReason = reason
        return event
    }

    static func signaling(_ signal: String, reason: String) -> TaskEvent {
        let text = "Task being sent signal \(signal)" + (reason.isEmpty ? "" : ": \(reason)")
        var event = TaskEvent(TaskEventType.signaling, text)
        event.details = ["signal": signal, "task_signal_reason": reason]
        event.taskSignal = signal
        event.taskSignalReason = reason
        return event
    }

    static func killing(_ timeout: Duration, reason: String) -> TaskEvent {
        let text = reason.isEmpty ? "Sent interrupt. Waiting \(timeout.goText) before force killing" : reason
        var event = TaskEvent(TaskEventType.killing, text)
        event.details = ["kill_timeout": timeout.goText]
        if !reason.isEmpty { event.details["kill_reason"] = reason }
        event.killTimeout = timeout
        event.killReason = reason
        return event
    }

    static func killed(error: String?) -> TaskEvent {
        var event = TaskEvent(TaskEventType.killed, error ?? "Task successfully killed")
        if let error {
            event.killError = error
            event.details["kill_error"] = error
        }
        return event
    }

    static func waitingShutdownDelay(_ delay: Duration) -> TaskEvent {
        TaskEvent(
            TaskEventType.waitingShutdownDelay,
            "Waiting for shutdown_delay of \(delay.goText) before killing the task.")
    }

    static func ending(_ reason: LifecycleCoordinator.Reason) -> TaskEvent? {
        switch reason {
        case .siblingFailed(let sibling):
            var event = TaskEvent(TaskEventType.siblingFailed, "Task's sibling \"\(sibling)\" failed")
            event.details["failed_sibling"] = sibling
            event.failedSibling = sibling
            return event
        case .leaderDead: return TaskEvent(TaskEventType.leaderDead, "Leader Task in Group dead")
        case .mainTasksDead: return TaskEvent(TaskEventType.mainTasksDead, "Main tasks in the group died")
        case .stopped: return nil
        }
    }

    static var abandoned: TaskEvent {
        TaskEvent(TaskEventType.abandoned, "No contact with the servers for as long as stop_on_client_after allows")
    }

    static func deviceLost(_ device: HeldDevice, _ reason: String) -> TaskEvent {
        let text = "Device \(device) is lost: \(reason)"
        return TaskEvent(
            TaskEventType.deviceLost, text, details: ["device": "\(device)", "reason": reason, "fails_task": "true"])
    }

    static func hookFailed(_ hook: String, _ error: String) -> TaskEvent {
        TaskEvent(TaskEventType.hookFailed, "\(hook): \(error)", details: ["hook": hook, "error": error])
    }

    static func failedRestoring(_ reason: String) -> TaskEvent { TaskEvent(TaskEventType.failedRestoring, reason) }
}

extension TaskEventType {
    /// Ended for want of contact with the servers; Drover's own.
    static let abandoned = "Contact Lost"
    /// A device that the task was given is gone or ill; Drover's own.
    static let deviceLost = "Device Lost"
}

extension TaskState {
    /// It was ended for want of contact with the servers.
    var wasAbandoned: Bool { events.contains { $0.type == TaskEventType.abandoned } }
}
