import Basics
package import Model

/// A job's name in its namespace.
package struct JobKey: Hashable, Comparable, Sendable {
    package let namespace: String
    package let id: String

    package init(namespace: String, id: String) {
        self.namespace = namespace
        self.id = id
    }

    package static func < (left: JobKey, right: JobKey) -> Bool {
        left.namespace != right.namespace ? left.namespace < right.namespace : left.id < right.id
    }
}

/// One registered version of a job; shared by all its allocations.
package final class JobVersion: Sendable {
    /// The job as it was registered; its status is the record's.
    package let job: Job
    /// The state's number of this version.
    package let row: UInt32
    package let groups: [GroupShape]
    /// What an instance of each group asks for.
    package let work: [WorkShape]
    /// By group: the keys of its allocations' labels, which are the meta of job and group.
    package let labels: [[String]]

    init(job: Job, row: UInt32) {
        self.job = job
        self.row = row
        groups = job.taskGroups.map(GroupShape.init)
        work = zip(job.taskGroups, groups).map { WorkShape($0, resources: $1.resources) }
        labels = job.taskGroups.map { group in
            group.meta.isEmpty ? Array(job.meta.keys) : Array(Set(job.meta.keys).union(group.meta.keys))
        }
    }

    /// The position of the group of that name.
    package func groupIndex(_ name: String) -> Int? { groups.firstIndex { $0.name == name } }
}

/// What scheduling needs of a task group, added up once a version.
package struct GroupShape: Sendable, Equatable {
    package let name: String
    /// The sum over its tasks, with the specification's defaults for what was left out (Nomad docs: resources).
    package let resources: ResourceVector
    /// Labels of the group's and its tasks' ports: reserved ones first, then dynamic ones.
    package let portLabels: [String]

    package init(_ group: TaskGroup) {
        name = group.name
        var sum = ResourceVector()
        var networks = group.networks
        for task in group.tasks {
            let asked = task.resources ?? Resources()
            let cores = asked.cores ?? 0
            let memory = asked.memoryMB ?? 300
            sum.cores += Int64(cores)
            sum.cpu += Int64(cores > 0 ? 0 : asked.cpu ?? 100)
            sum.memory += Int64(memory)
            sum.memoryMax += Int64(max(memory, asked.memoryMaxMB ?? 0))
            networks += asked.networks
        }
        sum.disk = Int64(group.ephemeralDisk?.sizeMB ?? 300)
        sum.network = networks.reduce(0) { $0 + Int64($1.mBits ?? 0) }
        resources = sum
        portLabels = networks.flatMap(\.reservedPorts).map(\.label) + networks.flatMap(\.dynamicPorts).map(\.label)
    }
}

/// A job with its versions, counts and the rows of its allocations and evaluations.
///
/// A purged job's record stays, without ``current``, until its allocations and evaluations are collected.
package final class JobRecord: Sendable {
    /// The versions kept beside those that allocations are of.
    package static let versionCountMax = 6

    package let key: JobKey
    let body: JobBody

    init(key: JobKey, body: JobBody) {
        self.key = key
        self.body = body
    }

    /// The newest version; nil once the job is purged.
    package var current: JobVersion? { body.isPurged ? nil : body.versions.first?.version }

    /// The newest version with its present status; nil once the job is purged.
    package var job: Job? { current.map(present) }

    /// The kept versions of the present job, newest first; a purged namesake's are left out.
    package var versions: [JobVersion] {
        guard let current else { return [] }
        return body.versions.lazy.map(\.version).filter { $0.job.createIndex == current.job.createIndex }
            .prefix(Self.versionCountMax).map { $0 }
    }

    /// Every version that is kept or that allocations are of, a purged namesake's too.
    package var allVersions: [JobVersion] { body.versions.map(\.version) }

    package var status: JobStatus { body.status }

    /// Index of the last change of anything about the job: definition, status, summary, allocations or evaluations.
    package var changeIndex: UInt64 { body.changeIndex }

    package var allocationCount: Int { body.allocations.count }

    /// Its allocations that are not terminal.
    package var liveCount: Int { body.liveCount }

    /// The version with the status and modify index it has now.
    package func present(_ version: JobVersion) -> Job {
        var job = version.job
        job.status = body.status
        job.stable = version.job.stable
        job.modifyIndex = max(job.modifyIndex, body.modifyIndex)
        return job
    }

    package var summary: JobSummary {
        var summary = JobSummary()
        summary.jobID = key.id
        summary.namespace = key.namespace
        summary.summary = body.groups
        summary.createIndex = body.versions.last?.version.job.createIndex ?? 0
        summary.modifyIndex = body.summaryIndex
        if let current, current.job.isTemplate {
            summary.children = body.children
        }
        return summary
    }
}

/// What changes about a job.
struct JobBody: Sendable {
    /// Newest first.
    var versions: [VersionSlot] = []
    var isPurged = false
    var status = JobStatus.pending
    /// Index of the last change of definition or status.
    var modifyIndex: UInt64 = 0
    var summaryIndex: UInt64 = 0
    var changeIndex: UInt64 = 0
    var allocationIndex: UInt64 = 0
    var evaluationIndex: UInt64 = 0
    /// Counts by task group.
    var groups: [String: TaskGroupSummary] = [:]
    var children = JobChildrenSummary()
    /// Rows of the job's allocations in order of creation.
    var allocations = RowList()
    /// Rows of the job's evaluations in order of creation.
    var evaluations = RowList()
    /// Allocations with `!isTerminal`.
    var liveCount = 0
    /// Evaluations that are pending or blocked.
    var openEvaluationCount = 0
    /// Set once the job has had an allocation or evaluation.
    var hadWork = false
}

/// A version and how many allocations are of it.
struct VersionSlot: Sendable {
    let version: JobVersion
    var allocationCount = 0
}

extension JobRecord {
    /// Index of the last change of definition or status.
    package var modifyIndex: UInt64 { body.modifyIndex }

    /// Index of the last change of one of its allocations.
    package var allocationIndex: UInt64 { body.allocationIndex }

    /// Index of the last change of one of its evaluations.
    package var evaluationIndex: UInt64 { body.evaluationIndex }

    package var summaryIndex: UInt64 { body.summaryIndex }

    /// Its pending and blocked evaluations.
    package var openEvaluationCount: Int { body.openEvaluationCount }
}
