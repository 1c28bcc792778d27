internal import Basics
internal import Logging
internal import Model
internal import PluginHost

/// What a task runner knows and uses; the same for all its attempts.
struct TaskContext: Sendable {
    let world: ClientWorld
    let allocationID: ID
    let taskName: String
    let folders: AllocationFolders
    /// The allocation as last received; an in-place update changes it between attempts.
    let allocation: @Sendable () -> Allocation
    /// The network that the allocation has of its own; nil: none.
    let network: @Sendable () -> GroupNetwork?
    /// The node as last fingerprinted.
    let node: @Sendable () -> Node
    let log: Logger

    /// The id by which drivers know an attempt.
    func taskID(attempt: Int) -> String { TaskContext.taskID(allocationID, taskName, attempt) }

    static func taskID(_ allocation: ID, _ task: String, _ attempt: Int) -> String {
        let id = "\(allocation)-\(task)-\(attempt)"
        guard id.utf8.count > 256 else { return id }
        var hasher = StableHasher()
        hasher.combine(task)
        return "\(allocation)-\(Hex.string(withUnsafeBytes(of: hasher.value.bigEndian) { Array($0) }))-\(attempt)"
    }
}
