import Synchronization

/// Workspaces not in use, so that calls of `place` from several threads neither share one nor allocate anew.
package final class WorkspacePool: Sendable {
    private let idle = Mutex<[Shelved]>([])

    /// Workspaces kept at most; a busier scheduler frees what it does not keep.
    private static let idleMax = 8

    package init() {}

    func take() -> Workspace {
        let workspace = idle.withLock { $0.popLast()?.workspace }
        return workspace ?? Workspace()
    }

    func give(_ workspace: Workspace) {
        let shelved = Shelved(workspace: workspace)
        idle.withLock { if $0.count < Self.idleMax { $0.append(shelved) } }
    }
}

/// A workspace that nobody uses may go to any thread.
private struct Shelved: @unchecked Sendable {
    let workspace: Workspace
}
