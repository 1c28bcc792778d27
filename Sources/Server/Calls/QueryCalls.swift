internal import Basics
internal import Consensus
internal import Filter
internal import Model
internal import RPC
internal import Raft
internal import StateStore

extension Query: Served {
    /// The longest a reader may wait for a change (SURFACE §1.1).
    private static var waitMax: Duration { .seconds(300) }

    var place: AnswerPlace {
        switch kind {
        case .leader, .peers, .members, .regions: .anywhere
        default: stale ? .anywhere : .confirmedLeader
        }
    }

    func serve(on server: ServerAgent, context: CallContext) async throws -> QueryReply {
        let source = try QuerySource(self, context, server)
        let feed = server.state.feed
        if minIndex > 0, !source.keys.isEmpty {
            let jitter = Int64(server.seam.random.next() % 1000)
            let wait = min(wait > .zero ? wait : Query.waitMax, Query.waitMax)
            let deadline = server.seam.time.uptime + wait + .nanoseconds(wait.nanosecondCount / 16_000 * jitter)
            let restored = feed.snapshot.restoredIndex
            // A wake-up says that something near changed; only a higher index ends the wait, or another state.
            while restored == feed.snapshot.restoredIndex, source.index(feed.snapshot) <= minIndex {
                let changed = await feed.wait(for: source.keys, until: deadline) {
                    source.index(feed.snapshot) > minIndex
                }
                if !changed { break }
            }
        }
        let snapshot = feed.snapshot
        let page: ListPage
        do {
            page = try source.answer(snapshot)
        } catch let missing as MissingRootKey {
            try await server.ensureRootKey(missing.id)
            page = try source.answer(snapshot)
        }
        var reply = QueryReply()
        reply.index = max(1, source.index(snapshot))
        reply.knownLeader = server.consensus.status.leader != nil
        reply.lastContact = server.lastContact
        reply.nextToken = page.nextToken
        reply.body = RawJSON(page.body)
        return reply
    }
}

/// Where a query's answer comes from: what it waits for, the index of what it reads, and the reading itself.
struct QuerySource: Sendable {
    let keys: [WatchKey]
    let index: @Sendable (Snapshot) -> UInt64
    let answer: @Sendable (Snapshot) throws -> ListPage

    init(
        keys: [WatchKey], index: @escaping @Sendable (Snapshot) -> UInt64,
        answer: @escaping @Sendable (Snapshot) throws -> ListPage
    ) {
        self.keys = keys
        self.index = index
        self.answer = answer
    }

    init(_ query: Query, _ context: CallContext, _ server: ServerAgent) throws {
        let request = try ListRequest(query, context)
        switch query.kind {
        case .jobs: self = .table(.jobs) { try $0.listJobs(request) }
        case .nodes: self = .table(.nodes) { try $0.listNodes(request) }
        case .allocations: self = .table(.allocations) { try $0.listAllocations(request) }
        case .evaluations: self = .table(.evaluations) { try $0.listEvaluations(request) }
        case .namespaces:
            self = .table(.namespaces) { .objects($0.namespaces.filter { $0.name.hasPrefix(query.prefix) }) }
        case .namespace:
            self = .table(.namespaces) {
                .object(try $0.namespace(query.id).found("namespace \"\(query.id)\" not found"))
            }
        case .quotas, .quota, .quotaUsages, .quotaUsage: self = .quota(query, region: server.settings.region)
        case .nodePools, .nodePool, .nodePoolNodes, .nodePoolJobs: self = .nodePool(query, request)
        case .variables: self = .table(.variables) { try $0.listVariables(request) }
        case .variable:
            self = .variable(VariableKey(namespace: context.namespace, path: query.id), server.keystore)
        case .rootKeys: self = .table(.rootKeys) { .objects($0.rootKeys) }
        case .deployments, .jobDeployments:
            self = .table(.allocations) { _ in ListPage(body: Array("[]".utf8), nextToken: "") }
        case .schedulerConfiguration:
            self = .table(.schedulerConfiguration) { snapshot in
                var writer = JSONWriter()
                snapshot.schedulerConfiguration.write(to: &writer)
                return ListPage(body: writer.bytes, nextToken: "")
            }
        case .autopilotConfiguration:
            self = QuerySource(keys: [], index: { $0.index }) { _ in .object(server.autopilotConfiguration) }
        case .schedulerStatus: self = QuerySource.schedulerStatus(server)
        case .job, .jobAllocations, .jobEvaluations, .jobSummary, .jobVersions:
            self = QuerySource.job(query, JobKey(namespace: context.namespace, id: query.id), request)
        case .node, .nodeAllocations: self = try QuerySource.node(query)
        case .allocation: self = try QuerySource.allocation(query)
        case .evaluation, .evaluationAllocations: self = try QuerySource.evaluation(query, request)
        case .leader, .peers, .members, .regions, .raftConfiguration: self = QuerySource.cluster(query.kind, server)
        }
    }

    private static func table(
        _ table: StateTable, _ answer: @escaping @Sendable (Snapshot) throws -> ListPage
    ) -> QuerySource {
        QuerySource(keys: [.table(table)], index: { $0.tableIndex(table) }, answer: answer)
    }

    private static func quota(_ query: Query, region: String) -> QuerySource {
        let missing = "quota \"\(query.id)\" not found"
        switch query.kind {
        case .quotas: return .table(.quotas) { .objects($0.quotas.filter { $0.name.hasPrefix(query.prefix) }) }
        case .quota: return .table(.quotas) { .object(try $0.quota(query.id).found(missing)) }
        case .quotaUsage:
            return .table(.quotaUsages) { .object(try $0.quotaUsage(query.id, region: region).found(missing)) }
        default:
            return .table(.quotaUsages) { snapshot in
                let names = snapshot.quotas.map(\.name).filter { $0.hasPrefix(query.prefix) }
                return .objects(names.compactMap { snapshot.quotaUsage($0, region: region) })
            }
        }
    }

    private static func nodePool(_ query: Query, _ request: ListRequest) -> QuerySource {
        let missing = "node pool \"\(query.id)\" not found"
        var request = request
        request.nodePool = query.id
        let own = request
        switch query.kind {
        case .nodePools: return .table(.nodePools) { .objects($0.nodePools.filter { $0.name.hasPrefix(query.prefix) }) }
        case .nodePool: return .table(.nodePools) { .object(try $0.nodePool(query.id).found(missing)) }
        case .nodePoolNodes:
            return .table(.nodes) { snapshot in
                _ = try snapshot.nodePool(query.id).found(missing)
                return try snapshot.listNodes(own)
            }
        default:
            return .table(.jobs) { snapshot in
                _ = try snapshot.nodePool(query.id).found(missing)
                return try snapshot.listJobs(own)
            }
        }
    }

    /// Throws ``MissingRootKey`` when the variable cannot be decrypted yet.
    private static func variable(_ key: VariableKey, _ keystore: Keystore) -> QuerySource {
        QuerySource(
            keys: [.variable(key)],
            index: { $0.variable(key)?.metadata.modifyIndex ?? $0.tableIndex(.variables) },
            answer: { snapshot in
                let record = try snapshot.variable(key).found("variable not found")
                return .object(Variable(record.metadata, items: try keystore.open(record.sealed, of: key)))
            })
    }

    private static func job(_ query: Query, _ key: JobKey, _ request: ListRequest) -> QuerySource {
        let missing = "job not found"
        let index: @Sendable (Snapshot) -> UInt64 = { snapshot in
            snapshot.jobRecord(key.namespace, key.id)?.changeIndex ?? snapshot.tableIndex(.jobs)
        }
        return QuerySource(keys: [.job(key)], index: index) { snapshot in
            switch query.kind {
            case .jobAllocations:
                return try snapshot.jobAllocations(key, all: query.options["all"] == "true", request)
            case .jobEvaluations:
                return .objects(Array(snapshot.evaluations(ofJob: key.id, namespace: key.namespace).reversed()))
            case .jobSummary: return .object(try snapshot.jobSummary(key.namespace, key.id).found(missing))
            case .jobVersions:
                let versions = snapshot.jobVersions(key.namespace, key.id)
                guard !versions.isEmpty else { throw CallError(.notFound, "job versions not found") }
                var writer = JSONWriter()
                writer.beginObject()
                writer.key("Versions")
                versions.write(to: &writer)
                writer.key("Diffs")
                writer.null()
                writer.endObject()
                return ListPage(body: writer.bytes, nextToken: "")
            default: return .object(try snapshot.job(key.namespace, key.id).found(missing))
            }
        }
    }

    private static func node(_ query: Query) throws -> QuerySource {
        let id = try query.uuid("node")
        let index: @Sendable (Snapshot) -> UInt64 = { snapshot in
            guard let row = snapshot.nodeRow(id) else { return snapshot.tableIndex(.nodes) }
            return query.kind == .node ? snapshot.nodeDocumentIndex(row) : snapshot.nodeAllocationIndex(row)
        }
        // Allocations of a node change with the allocation table; its own index filters the rest.
        let keys: [WatchKey] = query.kind == .node ? [.node(id)] : [.table(.allocations)]
        return QuerySource(keys: keys, index: index) { snapshot in
            let body = try snapshot.nodeView(id).found("node not found")
            return ListPage(body: query.kind == .node ? body : snapshot.nodeAllocations(id), nextToken: "")
        }
    }

    private static func allocation(_ query: Query) throws -> QuerySource {
        let id = try query.uuid("alloc")
        return QuerySource(
            keys: [.table(.allocations)],
            index: { $0.allocationRow(id)?.modifyIndex ?? $0.tableIndex(.allocations) },
            answer: { .object(try $0.allocation(id).found("alloc not found")) })
    }

    private static func evaluation(_ query: Query, _ request: ListRequest) throws -> QuerySource {
        let id = try query.uuid("eval")
        guard query.kind == .evaluation else {
            return table(.allocations) { try $0.evaluationAllocations(id, request) }
        }
        return QuerySource(
            keys: [.table(.evaluations)],
            index: { $0.evaluation(id)?.modifyIndex ?? $0.tableIndex(.evaluations) },
            answer: { .object(try $0.evaluation(id).found("eval not found")) })
    }
}

extension Query {
    /// The id as a UUID.
    fileprivate func uuid(_ what: String) throws -> ID {
        guard let id = ID(id) else {
            throw CallError(.notFound, "\(what) not found: \"\(id)\" is not a whole id")
        }
        guard !id.isNone else { throw CallError(.notFound, "\(what) not found") }
        return id
    }
}

extension Optional {
    fileprivate func found(_ message: String) throws -> Wrapped {
        guard let self else { throw CallError(.notFound, message) }
        return self
    }
}

extension ListPage {
    static func object(_ document: some Document) -> ListPage {
        ListPage(body: document.jsonBytes, nextToken: "")
    }

    static func objects(_ documents: [some Document]) -> ListPage {
        var writer = JSONWriter(capacity: 1024)
        writer.beginArray()
        for document in documents { document.write(to: &writer) }
        writer.endArray()
        return ListPage(body: writer.bytes, nextToken: "")
    }
}

extension ListRequest {
    /// How the state is asked to list; the filter is compiled once.
    fileprivate init(_ query: Query, _ context: CallContext) throws {
        self.init()
        namespace = context.namespace
        prefix = query.prefix
        perPage = query.perPage
        nextToken = query.nextToken
        reverse = query.reverse
        options = query.options
        guard !query.filter.isEmpty else { return }
        do {
            let expression = try FilterExpression(query.filter)
            filter = { object in
                do {
                    return try expression.matches(object)
                } catch {
                    throw CallError(.invalid, "failed to evaluate filter expression: \(error)")
                }
            }
        } catch {
            throw CallError(.invalid, "failed to read filter expression: \(error)")
        }
    }
}
