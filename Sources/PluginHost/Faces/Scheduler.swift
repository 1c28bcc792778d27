package import Basics

/// Chooses nodes: the face of `drover.scheduler/1` (scheduler.h has the layout of blocks and records).
package protocol Scheduler: Sendable {
    /// What `SchedulerAlgorithm` or a job's type calls it, such as "service".
    var name: String { get }

    /// Kinds of evaluations it places: "service", "batch", "system", "sysbatch".
    var kinds: [String] { get }

    /// Places `batch`, a `drover_problem_batch`, on `view`, a `drover_cluster_view`; blocks the calling thread.
    ///
    /// In the agent the plug-in reads both where they are. In its own process the view reaches it as shared memory when `view` is
    /// a ``SharedMemory`` block, and as a copy otherwise; the batch is always copied.
    /// - Returns: whole records, each checked: known kind, right size, indexes of problem, group and node in range.
    /// - Throws: ``PluginError``: the plug-in's own, ``PluginError/Code/deadline`` when the answer came too late,
    ///   ``PluginError/Code/crashed``, ``PluginError/Code/garbage``, ``PluginError/Code/unavailable`` at once while it is down:
    ///   fall back to a stock scheduler after any of them.
    func place(view: Block, batch: Block, deadline: Uptime) throws -> [UInt8]
}

/// The schedulers of this agent.
package protocol SchedulerRegistry: Sendable {
    /// In byte order.
    var schedulerNames: [String] { get }

    func scheduler(named name: String) -> (any Scheduler)?
}
