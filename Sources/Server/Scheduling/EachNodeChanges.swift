internal import Basics
internal import Broker
internal import Model
internal import Scheduling
internal import StateStore

/// What has changed of what jobs ask every node for, so that those which run on each node are to be looked at again.
///
/// Such a job wants nothing of a node that its constraints leave out, so no evaluation waits for that node to suit. A new node, and one
/// whose class changes, has it evaluated; what classes do not tell - neighbours' labels, what is `unique.`, devices, networks -
/// gathers here and is handed out every now and then, so that any number of changes makes one evaluation a job.
struct EachNodeChanges: Sendable {
    private var labels = LabelLog()
    private var traits: Set<NodeTrait> = []
    private var isAnything = false
    private(set) var isEmpty = true

    mutating func note(_ outcome: ApplyOutcome) {
        guard !outcome.movedLabels.isEmpty || !outcome.changedTraits.isEmpty else { return }
        isEmpty = false
        traits.formUnion(outcome.changedTraits)
        for (label, jobs) in outcome.movedLabels {
            for job in jobs {
                labels.note(label, JobName(namespace: job.namespace, id: job.id), index: outcome.index)
            }
        }
    }

    /// Anything may have changed.
    mutating func noteAnything() { (isAnything, isEmpty) = (true, false) }

    /// Whether nodes may suit the job that did not.
    func concern(_ job: Job) -> Bool {
        let (keys, asked) = (job.neighbourConstraintKeys, job.traitsAskedOfNodes)
        if isAnything { return !keys.isEmpty || !asked.isEmpty }
        let name = JobName(namespace: job.namespace, id: job.id)
        return !asked.isDisjoint(with: traits) || keys.contains { labels.hasChanged($0, besides: name, since: 0) }
    }
}

extension ServerAgent {
    /// Has the jobs that run on each node evaluated that what changed since the last time may concern.
    func revisitEachNode() async {
        guard let changes = queue.takeEachNodeChanges() else { return }
        let time = seam.time.now
        let jobs = snapshot.eachNodeJobs.compactMap { $0.current?.job }
        let evaluations = jobs.filter { !$0.stop && !$0.isTemplate && changes.concern($0) }.map { job in
            Evaluation(of: job, .nodeUpdate, id: seam.random.id(), at: time)
        }
        guard !evaluations.isEmpty else { return }
        await attempt("evaluate jobs that run on each node") {
            do {
                try await self.propose(.evaluationsUpdate(evaluations, time: time))
            } catch {
                self.queue.putBackEachNodeChanges()
                throw error
            }
        }
    }
}

extension Evaluation {
    /// A new one, to be decided at once.
    init(of job: Job, _ trigger: EvaluationTrigger, id: ID, at time: Timestamp) {
        self.init()
        self.id = id
        namespace = job.namespace
        jobID = job.id
        priority = job.priority
        type = job.type
        triggeredBy = trigger
        jobModifyIndex = job.jobModifyIndex
        createTime = time
        modifyTime = time
    }
}
