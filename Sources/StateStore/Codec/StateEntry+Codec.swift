import Basics
package import Model

/// Numbers of entry kinds in the log; never reused. A server proposes only kinds that every voter knows.
enum EntryKind: UInt8, CaseIterable {
    case noop = 0
    case jobRegister = 1
    case jobDeregister = 2
    case nodeRegister = 3
    case nodeStatus = 4
    case nodeEligibility = 5
    case evaluationsUpdate = 6
    case plans = 7
    case allocationUpdates = 8
    case allocationTransition = 9
    case schedulerConfiguration = 10
    case namespaceUpsert = 11
    case namespaceDelete = 12
    case collect = 13
    case quotaUpsert = 14
    case quotaDelete = 15
    case nodePoolUpsert = 16
    case nodePoolDelete = 17
    case clusterIdentity = 18
    case variableWrite = 20
    case variableDelete = 21
    case variableUnlock = 22
    case variableReseal = 23
    case rootKeyAdd = 24
    case rootKeyDelete = 25
    #if DEBUG
        /// Of ``NextRelease`` alone.
        case namespaceNote = 200
    #endif

    /// Those this build plays to know.
    static var known: some Sequence<EntryKind> {
        #if DEBUG
            allCases.lazy.filter { $0 != .namespaceNote || NextRelease.isPlayed }
        #else
            allCases
        #endif
    }
    case restorePart = 30
    case restore = 31
    case restoreAbandon = 32
    case autopilotConfiguration = 33
    case serverExpel = 34
}

extension StateEntry {
    /// The greatest entry kind this build knows; servers tell each other theirs.
    package static var kindMax: UInt8 { EntryKind.known.map(\.rawValue).max() ?? 0 }

    /// The greatest entry kind that every release knows whose servers can be in one cluster; greater ones are proposed once all its
    /// servers say that they know them.
    package static let commonKindMax: UInt8 = 18

    /// The kind's number in the log.
    package var kindNumber: UInt8 { kind.rawValue }

    private var kind: EntryKind {
        switch self {
        case .noop: .noop
        case .jobRegister: .jobRegister
        case .jobDeregister: .jobDeregister
        case .nodeRegister: .nodeRegister
        case .nodeStatus: .nodeStatus
        case .nodeEligibility: .nodeEligibility
        case .evaluationsUpdate: .evaluationsUpdate
        case .plans: .plans
        case .allocationUpdates: .allocationUpdates
        case .allocationTransition: .allocationTransition
        case .schedulerConfiguration: .schedulerConfiguration
        case .namespaceUpsert: .namespaceUpsert
        case .namespaceDelete: .namespaceDelete
        case .collect: .collect
        case .quotaUpsert: .quotaUpsert
        case .quotaDelete: .quotaDelete
        case .nodePoolUpsert: .nodePoolUpsert
        case .nodePoolDelete: .nodePoolDelete
        case .clusterIdentity: .clusterIdentity
        case .variableWrite: .variableWrite
        case .variableDelete: .variableDelete
        case .variableUnlock: .variableUnlock
        case .variableReseal: .variableReseal
        case .rootKeyAdd: .rootKeyAdd
        case .rootKeyDelete: .rootKeyDelete
        #if DEBUG
            case .namespaceNote: .namespaceNote
        #endif
        case .restorePart: .restorePart
        case .restore: .restore
        case .restoreAbandon: .restoreAbandon
        case .autopilotConfiguration: .autopilotConfiguration
        case .serverExpel: .serverExpel
        }
    }

    /// The entry's binary form: its kind, then its fields.
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.byte(kind.rawValue)
        switch self {
        case .noop: break
        case .jobRegister(let registration): writer.registration(registration)
        case .jobDeregister(let request): writer.deregistration(request)
        case .nodeRegister(let registration):
            writer.time(registration.time)
            writer.document(registration.node)
            writer.schemas(registration.schemas)
        case .nodeStatus(let change): writer.statusChange(change)
        case .nodeEligibility(let change):
            writer.time(change.time)
            writer.id(change.node)
            writer.text(change.eligibility.rawValue)
        case .evaluationsUpdate(let evaluations, let time):
            writer.time(time)
            writer.number(evaluations.count)
            for evaluation in evaluations { writer.document(evaluation) }
        case .plans(let plans):
            writer.number(plans.count)
            for plan in plans { writer.framed { $0.plan(plan) } }
        case .allocationUpdates(let reports): writer.reports(reports)
        case .allocationTransition(let request): writer.transition(request)
        case .schedulerConfiguration(let change):
            writer.document(change.configuration)
            writer.check(change.expectedIndex)
        case .namespaceUpsert(let namespace): writer.document(namespace)
        case .namespaceDelete(let name): writer.text(name)
        case .collect(let garbage): writer.garbage(garbage)
        case .quotaUpsert(let quota): writer.document(quota)
        case .quotaDelete(let name): writer.text(name)
        case .nodePoolUpsert(let pool): writer.document(pool)
        case .nodePoolDelete(let name): writer.text(name)
        case .clusterIdentity(let identity): writer.identity(identity)
        case .variableWrite(let write): writer.write(write)
        case .variableDelete(let deletion): writer.deletion(deletion)
        case .variableUnlock(let unlock): writer.unlock(unlock)
        case .variableReseal(let resealing): writer.resealing(resealing)
        case .rootKeyAdd(let addition): writer.addition(addition)
        case .rootKeyDelete(let deletion):
            writer.id(deletion.id)
            writer.flag(deletion.force)
        #if DEBUG
            case .namespaceNote(let namespace, let note):
                writer.document(namespace)
                writer.text(note)
        #endif
        case .restorePart(let part): writer.restorePart(part)
        case .restore(let order):
            writer.id(order.id)
            writer.number(order.size)
            writer.time(order.time)
        case .restoreAbandon(let id): writer.id(id)
        case .autopilotConfiguration(let change):
            writer.document(change.configuration)
            writer.check(change.expectedIndex)
        case .serverExpel(let id): writer.text(id)
        }
        return writer.bytes
    }

    /// Reads an entry. An unknown kind is an error: state that skips an entry would differ from its peers'.
    package init(decoding bytes: some Collection<UInt8>) throws(CodecError) {
        var reader = ByteReader(Array(bytes))
        let number = try reader.byte()
        guard let kind = EntryKind(rawValue: number), EntryKind.known.contains(kind) else {
            throw reader.error("entry of kind \(number), newer than this version of drover; upgrade this server")
        }
        switch kind {
        case .noop: self = .noop
        case .jobRegister: self = .jobRegister(try reader.registration())
        case .jobDeregister: self = .jobDeregister(try reader.deregistration())
        case .nodeRegister:
            let time = try reader.time()
            let node = try reader.document(Node.self)
            self = .nodeRegister(NodeRegistration(node: node, schemas: try reader.schemas(), time: time))
        case .nodeStatus: self = .nodeStatus(try reader.statusChange())
        case .nodeEligibility: self = .nodeEligibility(try reader.eligibilityChange())
        case .evaluationsUpdate:
            let time = try reader.time()
            self = .evaluationsUpdate(try reader.list(of: Evaluation.self), time: time)
        case .plans: self = .plans(try reader.plans())
        case .allocationUpdates: self = .allocationUpdates(try reader.reports())
        case .allocationTransition: self = .allocationTransition(try reader.transition())
        case .schedulerConfiguration:
            let configuration = try reader.document(SchedulerConfiguration.self)
            let check = try reader.check()
            self = .schedulerConfiguration(
                SchedulerConfigurationChange(configuration: configuration, expectedIndex: check))
        case .namespaceUpsert: self = .namespaceUpsert(try reader.document(Namespace.self))
        case .namespaceDelete: self = .namespaceDelete(name: try reader.text())
        case .collect: self = .collect(try reader.garbage())
        case .quotaUpsert: self = .quotaUpsert(try reader.document(QuotaSpec.self))
        case .quotaDelete: self = .quotaDelete(name: try reader.text())
        case .nodePoolUpsert: self = .nodePoolUpsert(try reader.document(NodePool.self))
        case .nodePoolDelete: self = .nodePoolDelete(name: try reader.text())
        case .clusterIdentity: self = .clusterIdentity(try reader.identity())
        case .variableWrite: self = .variableWrite(try reader.variableWrite())
        case .variableDelete: self = .variableDelete(try reader.variableDeletion())
        case .variableUnlock: self = .variableUnlock(try reader.variableUnlock())
        case .variableReseal: self = .variableReseal(try reader.variableResealing())
        case .rootKeyAdd: self = .rootKeyAdd(try reader.rootKeyAddition())
        case .rootKeyDelete:
            let id = try reader.id()
            self = .rootKeyDelete(RootKeyDeletion(id: id, force: try reader.flag()))
        #if DEBUG
            case .namespaceNote:
                let namespace = try reader.document(Namespace.self)
                self = .namespaceNote(namespace, note: try reader.text())
        #endif
        case .restorePart: self = .restorePart(try reader.restorePart())
        case .restore:
            self = .restore(
                RestoreOrder(id: try reader.id(), size: try reader.number(), time: try reader.time()))
        case .restoreAbandon: self = .restoreAbandon(id: try reader.id())
        case .autopilotConfiguration:
            let configuration = try reader.document(AutopilotConfiguration.self)
            self = .autopilotConfiguration(
                AutopilotChange(configuration: configuration, expectedIndex: try reader.check()))
        case .serverExpel: self = .serverExpel(id: try reader.text())
        }
    }
}

extension ByteWriter {
    /// In an entry, and in a snapshot taken between two of them.
    mutating func restorePart(_ part: RestorePart) {
        id(part.id)
        number(part.offset)
        data(part.bytes)
    }
}

extension ByteReader {
    mutating func restorePart() throws(CodecError) -> RestorePart {
        RestorePart(id: try id(), offset: try number(), bytes: Array(try data()))
    }
}

// MARK: - Writing

extension ByteWriter {
    mutating func check(_ index: UInt64?) {
        flag(index != nil)
        if let index { number(index) }
    }

    fileprivate mutating func key(_ key: JobKey) {
        text(key.namespace)
        text(key.id)
    }

    fileprivate mutating func registration(_ registration: JobRegistration) {
        time(registration.time)
        document(registration.job)
        check(registration.expectedIndex)
        flag(registration.preserveCounts)
        number(registration.evaluationPriority)
    }

    fileprivate mutating func deregistration(_ request: JobDeregistration) {
        time(request.time)
        key(request.key)
        flag(request.purge)
        flag(request.noShutdownDelay)
        number(request.evaluationPriority)
    }

    fileprivate mutating func schemas(_ schemas: [String: JSON]) {
        number(schemas.count)
        for (name, schema) in schemas.sorted(by: { $0.key < $1.key }) {
            text(name)
            data(schema.bytes)
        }
    }

    fileprivate mutating func statusChange(_ change: NodeStatusChange) {
        time(change.time)
        ids(change.nodes)
        text(change.status.rawValue)
        text(change.message)
    }

    fileprivate mutating func transition(_ request: TransitionRequest) {
        time(request.time)
        ids(request.allocations)
        document(request.transition)
        text(request.trigger.rawValue)
    }

    mutating func identity(_ identity: ClusterIdentity) {
        time(identity.createTime)
        id(identity.id)
    }

    fileprivate mutating func garbage(_ garbage: Garbage) {
        ids(garbage.evaluations)
        ids(garbage.allocations)
        number(garbage.jobs.count)
        for job in garbage.jobs { key(job) }
        ids(garbage.nodes)
    }
}

// MARK: - Reading

extension ByteReader {
    mutating func check() throws(CodecError) -> UInt64? { try flag() ? try number() : nil }

    fileprivate mutating func key() throws(CodecError) -> JobKey {
        let namespace = try text()
        return JobKey(namespace: namespace, id: try text())
    }

    mutating func list<Kind: Document>(of kind: Kind.Type) throws(CodecError) -> [Kind] {
        var items: [Kind] = []
        for _ in 0..<(try count(elementSize: 2)) { items.append(try document(kind)) }
        return items
    }

    fileprivate mutating func registration() throws(CodecError) -> JobRegistration {
        let time = try time()
        var registration = JobRegistration(job: try document(Job.self), time: time)
        registration.expectedIndex = try check()
        registration.preserveCounts = try flag()
        registration.evaluationPriority = try number(as: Int.self)
        return registration
    }

    fileprivate mutating func deregistration() throws(CodecError) -> JobDeregistration {
        let time = try time()
        var request = JobDeregistration(key: try key(), time: time)
        request.purge = try flag()
        request.noShutdownDelay = try flag()
        request.evaluationPriority = try number(as: Int.self)
        return request
    }

    /// Entries written before nodes reported schemas end here.
    fileprivate mutating func schemas() throws(CodecError) -> [String: JSON] {
        guard left > 0 else { return [:] }
        var schemas: [String: JSON] = [:]
        for _ in 0..<(try count(elementSize: 2)) {
            let name = try text()
            schemas[name] = try json()
        }
        return schemas
    }

    fileprivate mutating func statusChange() throws(CodecError) -> NodeStatusChange {
        let time = try time()
        let nodes = try ids()
        guard let status = NodeStatus(rawValue: try text()) else { throw error("unknown node status") }
        return NodeStatusChange(nodes: nodes, status: status, message: try text(), time: time)
    }

    fileprivate mutating func eligibilityChange() throws(CodecError) -> NodeEligibilityChange {
        let time = try time()
        let node = try id()
        guard let eligibility = NodeEligibility(rawValue: try text()) else { throw error("unknown eligibility") }
        return NodeEligibilityChange(node: node, eligibility: eligibility, time: time)
    }

    fileprivate mutating func transition() throws(CodecError) -> TransitionRequest {
        let time = try time()
        let allocations = try ids()
        let transition = try document(DesiredTransition.self)
        let trigger = EvaluationTrigger(rawValue: try text())
        return TransitionRequest(allocations: allocations, transition: transition, trigger: trigger, time: time)
    }

    mutating func identity() throws(CodecError) -> ClusterIdentity {
        let time = try time()
        return ClusterIdentity(id: try id(), createTime: time)
    }

    fileprivate mutating func garbage() throws(CodecError) -> Garbage {
        var garbage = Garbage()
        garbage.evaluations = try ids()
        garbage.allocations = try ids()
        for _ in 0..<(try count(elementSize: 2)) { garbage.jobs.append(try key()) }
        garbage.nodes = try ids()
        return garbage
    }
}
