package import Basics
internal import Foundation
internal import GRDB
package import Logging
package import Model
internal import Synchronization

/// The store of a real client: `state.db`, SQLite in WAL mode with `synchronous = NORMAL`.
///
/// A database that cannot be read is moved aside, never deleted, and the client goes on with an empty one: it finds its tasks again
/// through the servers' list of its allocations, the attempt files in their folders, and the drivers.
package final class SQLiteClientStore: ClientStore {
    private let queue: DatabaseQueue
    private let blocking: any BlockingExecutor
    private let waiting = Mutex<[Change]>([])
    private static let lane = BlockingLane("client-state")
    private static let schemaVersion = 1

    /// Opens or makes the database at `path`, and its folder. Throws when the folder cannot be written.
    package static func open(_ path: String, seam: Seam, log: Logger) async throws -> SQLiteClientStore {
        let queue = try await seam.blocking.run(lane: lane) {
            try seam.disk.makeDirectory(path.parentPath)
            do {
                return try connect(path)
            } catch let error as DatabaseError where isDamage(error) {
                let aside = "\(path).damaged-\(seam.time.now.seconds)"
                log.error(
                    "state database is damaged: moved aside, tasks will be found through servers and drivers",
                    metadata: ["path": "\(path)", "moved.to": "\(aside)", "error": "\(error)"])
                for suffix in ["", "-wal", "-shm"] where seam.disk.exists(path + suffix) {
                    try seam.disk.rename(path + suffix, to: aside + suffix)
                }
                return try connect(path)
            } catch let error as DatabaseError {
                throw CallError(
                    .failed,
                    "the client's state database \(path) cannot be used: \(error); check that it is a file, its permissions "
                        + "and the disk's free space")
            }
        }
        return SQLiteClientStore(queue: queue, blocking: seam.blocking)
    }

    private init(queue: DatabaseQueue, blocking: any BlockingExecutor) {
        self.queue = queue
        self.blocking = blocking
    }

    private static func isDamage(_ error: DatabaseError) -> Bool {
        [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_MISMATCH, .SQLITE_FORMAT].contains(error.resultCode)
    }

    private static func connect(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "drover.client.state"
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in try database.execute(sql: "PRAGMA synchronous = NORMAL") }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.write { database in
            if let found = try String.fetchOne(database, sql: "PRAGMA quick_check(1)"), found != "ok" {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: found)
            }
            let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard version <= schemaVersion else {
                throw CallError(
                    .failed, "\(path) was written by a newer version; run that version, or move the file away")
            }
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS allocation (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
                    CREATE TABLE IF NOT EXISTS task (
                        allocation TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
                        PRIMARY KEY (allocation, name)) WITHOUT ROWID;
                    CREATE TABLE IF NOT EXISTS contact (only INTEGER PRIMARY KEY CHECK (only = 1), nanoseconds INTEGER);
                    PRAGMA user_version = \(schemaVersion);
                    """)
        }
        return queue
    }

    package func load() async throws -> [StoredAllocation] {
        try await blocking.run(lane: SQLiteClientStore.lane) { [queue] in
            try queue.read { database in
                var tasks: [String: [String: TaskRecord]] = [:]
                for row in try Row.fetchAll(database, sql: "SELECT allocation, name, body FROM task") {
                    let (id, name, body): (String, String, [UInt8]) = (row[0], row[1], SQLiteClientStore.bytes(row[2]))
                    if let record = try? TaskRecord(json: body) { tasks[id, default: [:]][name] = record }
                }
                return try Row.fetchAll(database, sql: "SELECT id, body FROM allocation ORDER BY id").compactMap {
                    row in
                    let id: String = row[0]
                    guard let allocation = try? Allocation(json: SQLiteClientStore.bytes(row[1])) else { return nil }
                    return StoredAllocation(allocation: allocation, tasks: tasks[id] ?? [:])
                }
            }
        }
    }

    package func put(_ allocations: [Allocation]) async throws {
        let rows = allocations.map { ("\($0.id)", SQLiteClientStore.blob($0.jsonBytes)) }
        try await write { database in
            let sql = "INSERT OR REPLACE INTO allocation (id, body) VALUES (?, ?)"
            for (id, body) in rows { try database.cachedStatement(sql: sql).execute(arguments: [id, body]) }
        }
    }

    package func put(_ record: TaskRecord, task: String, allocation: ID) async throws {
        let (id, body) = ("\(allocation)", SQLiteClientStore.blob(record.jsonBytes))
        try await write { database in
            let sql = "INSERT OR REPLACE INTO task (allocation, name, body) VALUES (?, ?, ?)"
            try database.cachedStatement(sql: sql).execute(arguments: [id, task, body])
        }
    }

    package func lastContact() async throws -> Timestamp? {
        try await blocking.run(lane: SQLiteClientStore.lane) { [queue] in
            try queue.read { database in
                try Int64.fetchOne(database, sql: "SELECT nanoseconds FROM contact").map(Timestamp.init(nanoseconds:))
            }
        }
    }

    package func putContact(_ time: Timestamp) async throws {
        try await write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO contact (only, nanoseconds) VALUES (1, ?)", arguments: [time.nanoseconds])
        }
    }

    package func remove(_ allocation: ID) async throws {
        let id = "\(allocation)"
        try await write { database in
            for sql in ["DELETE FROM task WHERE allocation = ?", "DELETE FROM allocation WHERE id = ?"] {
                try database.cachedStatement(sql: sql).execute(arguments: [id])
            }
        }
    }

    /// A change that waits for its transaction, or what came of it.
    private final class Change: Sendable {
        let body: @Sendable (Database) throws -> Void
        private let outcome = Mutex<Result<Void, any Error>>(.success(()))

        init(_ body: @escaping @Sendable (Database) throws -> Void) { self.body = body }

        func fail(_ error: any Error) { outcome.withLock { $0 = .failure(error) } }

        func get() throws { try outcome.withLock { $0 }.get() }
    }

    /// All that gathered while the database was busy goes into one transaction, with the first of them.
    private func write(_ body: @escaping @Sendable (Database) throws -> Void) async throws {
        let change = Change(body)
        waiting.withLock { $0.append(change) }
        try await blocking.run(lane: SQLiteClientStore.lane) { [self] in
            let changes = waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            if !changes.isEmpty { SQLiteClientStore.commit(changes, to: queue) }
            try change.get()
        }
    }

    private static func commit(_ changes: [Change], to queue: DatabaseQueue) {
        do {
            try queue.write { database in for change in changes { try change.body(database) } }
        } catch {
            guard changes.count > 1 else { return changes[0].fail(error) }
            // One that fails takes no others along.
            for change in changes { commit([change], to: queue) }
        }
    }

    private static func bytes(_ value: (any DatabaseValueConvertible)?) -> [UInt8] {
        guard case .blob(let data)? = value?.databaseValue.storage else { return [] }
        return Array(data)
    }

    private static func blob(_ bytes: [UInt8]) -> DatabaseValue { DatabaseValue.blob(bytes) }
}

extension DatabaseValue {
    /// The bytes as a blob; SQLite's own type for them is Foundation's `Data`.
    fileprivate static func blob(_ bytes: [UInt8]) -> DatabaseValue { bytes.withUnsafeBytes { Data($0).databaseValue } }
}
