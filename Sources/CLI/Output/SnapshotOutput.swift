internal import Archive
internal import Basics
internal import StateStore

/// Archives and the state in them.
struct SnapshotOutput {
    /// What an archive says of itself, and how much is in it.
    func archive(_ metadata: ArchiveMetadata, _ snapshot: Snapshot) -> String {
        let facts = Table.pairs([
            ("ID", "\(metadata.id)"), ("Created", Shown.moment(metadata.created)), ("Index", "\(metadata.index)"),
            ("Term", "\(metadata.term)"), ("Region", metadata.region), ("Cluster", "\(metadata.cluster)"),
            ("Build", metadata.build), ("Format", "\(metadata.version)"), ("Size", "\(metadata.size) B"),
            ("Redacted", "\(metadata.isRedacted)"),
            ("Servers", metadata.servers.map(\.address).joined(separator: ", ")),
        ])
        let rows = SnapshotOutput.tables.map { table in
            [table.name, "\((try? table.objects(snapshot).count) ?? 0)"]
        }
        return facts + "\n\n" + Table.list(["Table", "Objects"], rows)
    }

    /// The state's objects by table, those that `includes` accepts.
    func state(_ snapshot: Snapshot, _ includes: (JSON) throws -> Bool) throws -> JSON {
        var members: [(String, JSON)] = [("Index", .integer(Int64(clamping: snapshot.index)))]
        for table in SnapshotOutput.tables {
            members.append((table.name, .array(try table.objects(snapshot).filter(includes))))
        }
        members.append(("SchedulerConfiguration", snapshot.schedulerConfiguration.json))
        return .object(members)
    }

    private struct StoredTable: Sendable {
        let name: String
        let objects: @Sendable (Snapshot) throws -> [JSON]
    }

    private static let tables: [StoredTable] = [
        StoredTable(name: "Jobs") { snapshot in
            var jobs: [JSON] = []
            snapshot.forEachJob { record in
                if let job = record.job { jobs.append(job.json) }
                return true
            }
            return jobs
        },
        StoredTable(name: "Nodes") { snapshot in
            var nodes: [JSON] = []
            snapshot.forEachNode { record in
                nodes.append(record.node.json)
                return true
            }
            return nodes
        },
        StoredTable(name: "Allocs") { try parsed($0.listAllocations(everything)) },
        StoredTable(name: "Evals") { try parsed($0.listEvaluations(everything)) },
        StoredTable(name: "Namespaces") { $0.namespaces.map(\.json) },
        StoredTable(name: "NodePools") { $0.nodePools.map(\.json) },
        StoredTable(name: "Quotas") { $0.quotas.map(\.json) },
    ]

    private static func parsed(_ page: ListPage) throws -> [JSON] { try JSONParser.parse(page.body).array ?? [] }

    /// All rows of all namespaces.
    private static var everything: ListRequest {
        var request = ListRequest()
        request.namespace = "*"
        return request
    }
}
