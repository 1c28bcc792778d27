internal import APIClient
internal import Basics
internal import Model

/// Jobs as `job status` shows them.
struct JobOutput {
    let shown: Shown

    /// The table of all jobs.
    func list(_ jobs: [JobStub], allNamespaces: Bool) -> String {
        guard !jobs.isEmpty else { return "No running jobs" }
        let heading = ["ID"] + (allNamespaces ? ["Namespace"] : []) + ["Type", "Priority", "Status", "Submit Date"]
        let rows = jobs.sorted { ($0.id, $0.namespace) < ($1.id, $1.namespace) }.map { job in
            [job.id] + (allNamespaces ? [job.namespace] : []) + [
                type(job.type, periodic: job.periodic, parameterized: job.parameterizedJob), String(job.priority),
                status(job.status, stopped: job.stop), Shown.moment(job.submitTime),
            ]
        }
        return Table.list(heading, rows)
    }

    /// What the job is.
    func facts(_ job: Job) -> String {
        Table.pairs([
            ("ID", job.id), ("Name", job.name), ("Submit Date", Shown.moment(job.submitTime)),
            ("Type", job.type.rawValue), ("Priority", String(job.priority)),
            ("Datacenters", job.datacenters.joined(separator: ",")), ("Namespace", job.namespace),
            ("Node Pool", job.nodePool), ("Status", status(job.status, stopped: job.stop)),
            ("Periodic", String(job.periodic != nil)), ("Parameterized", String(job.isParameterized)),
        ])
    }

    /// What a dispatch of it has to bring.
    func parameters(_ wanted: ParameterizedJobConfig) -> String {
        section(
            "Parameterized Job",
            Table.pairs([
                ("Payload", wanted.payload), ("Required Metadata", names(wanted.metaRequired)),
                ("Optional Metadata", names(wanted.metaOptional)),
            ]))
    }

    private func names(_ keys: [String]) -> String { keys.isEmpty ? "<none>" : keys.joined(separator: ", ") }

    /// How many instances there are, by status.
    func children(_ counts: JobChildrenSummary) -> String {
        let row = [counts.pending, counts.running, counts.dead].map(String.init)
        return section("Parameterized Job Summary", Table.list(["Pending", "Running", "Dead"], [row]))
    }

    /// Those dispatched, in order.
    func instances(_ jobs: [JobStub], of parent: String) -> String {
        let rows = jobs.filter { $0.parentID == parent }.sorted { $0.id < $1.id }.map { job in
            [job.id, status(job.status, stopped: job.stop), Shown.moment(job.submitTime)]
        }
        return section(
            "Dispatched Jobs",
            rows.isEmpty ? "No instances of this job" : Table.list(["ID", "Status", "Submit Date"], rows))
    }

    /// Counts of its allocations by group.
    func summary(_ summary: JobSummary) -> String {
        let rows = summary.summary.sorted { $0.key < $1.key }.map { name, counts in
            [
                name
            ]
                + [
                    counts.queued, counts.starting, counts.running, counts.failed, counts.complete, counts.lost,
                    counts.unknown,
                ].map(String.init)
        }
        let heading = ["Task Group", "Queued", "Starting", "Running", "Failed", "Complete", "Lost", "Unknown"]
        return section("Summary", Table.list(heading, rows))
    }

    func evaluations(_ evaluations: [Evaluation]) -> String {
        let rows = evaluations.sorted { $0.createIndex > $1.createIndex }.map { evaluation in
            [
                shown.id(evaluation.id), String(evaluation.priority), evaluation.triggeredBy.rawValue,
                evaluation.status.rawValue, evaluation.failedTGAllocs.isEmpty ? "false" : "true",
            ]
        }
        return section(
            "Evaluations", Table.list(["ID", "Priority", "Triggered By", "Status", "Placement Failures"], rows))
    }

    /// What the newest evaluation that still waits could not place.
    func placementFailures(_ evaluations: [Evaluation]) -> String? {
        let newest = evaluations.filter { !$0.failedTGAllocs.isEmpty }.max { $0.createIndex < $1.createIndex }
        guard let newest, evaluations.contains(where: { $0.status == .blocked }) else { return nil }
        return section("Placement Failure", MetricOutput(shown: shown).failures(newest.failedTGAllocs))
    }

    func allocations(_ allocations: [AllocationStub]) -> String {
        section("Allocations", allocations.isEmpty ? "No allocations placed" : table(allocations))
    }

    /// The table of allocations, newest first.
    func table(_ allocations: [AllocationStub]) -> String {
        let rows = allocations.sorted { ($0.createIndex, $0.name) > ($1.createIndex, $1.name) }.map { stub in
            shown.verbose
                ? [
                    stub.id.description, stub.evalID.description, stub.nodeID.description, stub.nodeName,
                    stub.taskGroup, String(stub.jobVersion), stub.desiredStatus.rawValue, stub.clientStatus.rawValue,
                    shown.age(stub.createTime), shown.age(stub.modifyTime),
                ]
                : [
                    stub.id.short, stub.nodeID.short, stub.taskGroup, String(stub.jobVersion),
                    stub.desiredStatus.rawValue, stub.clientStatus.rawValue, shown.age(stub.createTime),
                    shown.age(stub.modifyTime),
                ]
        }
        let ending = ["Task Group", "Version", "Desired", "Status", "Created", "Modified"]
        return Table.list(
            (shown.verbose ? ["ID", "Eval ID", "Node ID", "Node Name"] : ["ID", "Node ID"]) + ending, rows)
    }

    private func section(_ title: String, _ text: String) -> String { shown.paint.bold(title) + "\n" + text }

    private func status(_ status: JobStatus, stopped: Bool) -> String {
        stopped ? "\(status.rawValue) (stopped)" : status.rawValue
    }

    private func type(_ type: JobType, periodic: Bool, parameterized: Bool) -> String {
        type.rawValue + (periodic ? "/periodic" : "") + (parameterized ? "/parameterized" : "")
    }
}
