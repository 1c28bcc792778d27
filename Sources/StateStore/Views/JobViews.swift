import Basics
import Model

extension Snapshot {
    /// `/v1/jobs`: JobListStub objects by namespace and id.
    package func listJobs(_ request: ListRequest) throws -> ListPage {
        var records: [JobRecord] = []
        let name = request.namespace == "*" ? "" : request.namespace
        state.jobs.scan(from: JobKey(namespace: name, id: request.namespace == "*" ? "" : request.prefix)) {
            key, record in
            guard request.includes(namespace: key.namespace) else { return false }
            if let current = record.current, key.id.hasPrefix(request.prefix),
                request.nodePool.map({ $0 == current.job.nodePool }) ?? true
            {
                records.append(record)
            }
            return request.namespace == "*" || key.id.hasPrefix(request.prefix)
        }
        if request.reverse { records.reverse() }
        var page = PageCollector(request)
        var isSkipping = !request.nextToken.isEmpty
        for record in records {
            let token = "\(record.key.namespace).\(record.key.id)"
            if isSkipping, token != request.nextToken { continue }
            isSkipping = false
            guard let job = record.job else { continue }
            guard try page.offer(token: token, { writeStub(record, job, request, to: &$0) }) else { break }
        }
        return page.finish()
    }

    private func writeStub(_ record: JobRecord, _ job: Job, _ request: ListRequest, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("ID", job.id)
        writer.field("ParentID", job.parentID)
        writer.field("Name", job.name)
        writer.field("Namespace", job.namespace)
        writer.field("Datacenters", Optional(job.datacenters))
        writer.field("NodePool", job.nodePool)
        writer.field("Type", job.type.rawValue)
        writer.field("Priority", job.priority)
        writer.field("Periodic", job.periodic != nil)
        writer.field("ParameterizedJob", job.isParameterized)
        writer.field("Stop", job.stop)
        writer.field("Status", job.status.rawValue)
        writer.field("StatusDescription", job.statusDescription)
        writer.field("JobSummary", Optional(record.summary))
        writer.field("Version", job.version)
        writer.field("CreateIndex", job.createIndex)
        writer.field("ModifyIndex", job.modifyIndex)
        writer.field("JobModifyIndex", job.jobModifyIndex)
        writer.field("SubmitTime", job.submitTime.nanoseconds)
        if request.isOn("meta") { writer.field("Meta", Optional(job.meta)) }
        writer.endObject()
    }
}
