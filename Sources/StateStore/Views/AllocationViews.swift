package import Basics
import Model

extension Snapshot {
    /// `/v1/allocations`: AllocationListStub objects by id.
    package func listAllocations(_ request: ListRequest) throws -> ListPage {
        guard let range = IDPrefix(request.prefix) else { return ListPage(body: Array("[]".utf8), nextToken: "") }
        var page = PageCollector(request)
        let start = ID(request.nextToken).flatMap { $0.isNone ? nil : $0 }
        func visit(_ row: UInt32) throws -> Bool {
            let id = state.allocations.id(row)
            guard range.low <= id, id <= range.high else { return false }
            let version = state.jobVersion(state.allocations.hot[Int(row)].version)
            guard request.includes(namespace: version.job.namespace) else { return true }
            return try page.offer(token: id.description) { writeStub(row, request, to: &$0) }
        }
        if request.reverse {
            try state.allocations.scanDown(from: min(start ?? range.high, range.high), visit)
        } else {
            try state.allocations.scan(from: max(start ?? range.low, range.low), visit)
        }
        return page.finish()
    }

    /// AllocationListStub objects of a job, newest first; with ``AllocationRow/jobCreateIndex`` other than the present job's only when
    /// `all`.
    package func jobAllocations(_ key: JobKey, all: Bool, _ request: ListRequest) throws -> ListPage {
        guard let record = state.jobs[key] else { return try list([], request) }
        let created = record.current?.job.createIndex
        var rows: [UInt32] = []
        record.body.allocations.forEach { row in
            let version = state.jobVersion(state.allocations.hot[Int(row)].version)
            if all || created == nil || version.job.createIndex == created { rows.append(row) }
        }
        return try list(rows.reversed(), request)
    }

    package func evaluationAllocations(_ id: ID, _ request: ListRequest) throws -> ListPage {
        var rows: [UInt32] = []
        state.evaluationRecord(id)?.allocations.forEach { rows.append($0) }
        return try list(rows, request)
    }

    /// Whole Allocation objects of a node.
    package func nodeAllocations(_ id: ID) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginArray()
        for row in nodeRow(id).map(allocations(ofNode:)) ?? [] { allocation(row, withJob: true).write(to: &writer) }
        writer.endArray()
        return writer.bytes
    }

    private func list(_ rows: [UInt32], _ request: ListRequest) throws -> ListPage {
        var page = PageCollector(request)
        for row in rows {
            let id = state.allocations.id(row).description
            guard try page.offer(token: id, { writeStub(row, request, to: &$0) }) else { break }
        }
        return page.finish()
    }

    private func writeStub(_ row: UInt32, _ request: ListRequest, to writer: inout JSONWriter) {
        let view = state.allocationRow(row)
        let version = jobVersion(of: view)
        let report = state.report(row)
        let extra = state.allocations.extra(row) ?? AllocationExtra()
        writer.beginObject()
        writer.field("ID", view.id)
        writer.field("EvalID", evaluationID(of: view))
        writer.field("Name", "\(version.job.id).\(view.taskGroup)[\(view.nameIndex)]")
        writer.field("Namespace", version.job.namespace)
        writer.field("NodeID", state.nodeID(view.node))
        writer.field("NodeName", state.nodes[Int(view.node)]?.node.name ?? "")
        writer.field("JobID", version.job.id)
        writer.field("JobType", version.job.type.rawValue)
        writer.field("JobVersion", version.job.version)
        writer.field("TaskGroup", view.taskGroup)
        writer.field("AllocatedResources", request.isOn("resources") ? allocatedResources(view) : nil)
        writer.field("DesiredStatus", view.desiredStatus.rawValue)
        writer.field("DesiredDescription", state.desiredDescription(row))
        writer.field("ClientStatus", view.clientStatus.rawValue)
        writer.field("ClientDescription", report.clientDescription)
        writer.field("DesiredTransition", Optional(extra.desiredTransition))
        writer.key("TaskStates")
        (request.options["task_states"] == "false" ? [:] : report.taskStates).write(to: &writer)
        writer.field("DeploymentStatus", extra.deploymentStatus)
        writer.field("FollowupEvalID", extra.followupEvalID)
        writer.field("NextAllocation", extra.nextAllocation)
        writer.field("RescheduleTracker", rescheduleTracker(of: view))
        writer.field("PreemptedAllocations", Optional(extra.preemptedAllocations))
        writer.field("PreemptedByAllocation", extra.preemptedByAllocation)
        writer.field("CreateIndex", view.createIndex)
        writer.field("ModifyIndex", view.modifyIndex)
        writer.field("CreateTime", view.createTime.nanoseconds)
        writer.field("ModifyTime", view.modifyTime.nanoseconds)
        writer.endObject()
    }
}
