package import Basics
package import Model
internal import Synchronization

/// A store that lasts as long as its owner: for simulations, where a crash is a new client on the old store.
package final class MemoryClientStore: ClientStore {
    private let content = Mutex<[ID: StoredAllocation]>([:])
    private let contact = Mutex<Timestamp?>(nil)

    package init() {}

    package func load() async throws -> [StoredAllocation] {
        content.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
    }

    package func put(_ allocations: [Allocation]) async throws {
        content.withLock { content in
            for allocation in allocations {
                content[allocation.id, default: StoredAllocation(allocation: allocation)].allocation = allocation
            }
        }
    }

    package func put(_ record: TaskRecord, task: String, allocation: ID) async throws {
        content.withLock { $0[allocation]?.tasks[task] = record }
    }

    package func lastContact() async throws -> Timestamp? { contact.withLock { $0 } }

    package func putContact(_ time: Timestamp) async throws { contact.withLock { $0 = time } }

    package func remove(_ allocation: ID) async throws { content.withLock { $0[allocation] = nil } }
}
