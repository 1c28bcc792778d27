package import Basics
package import Model

/// Allocations of which each job version is written once, and named by its position: a node's allocations are often of few jobs,
/// and a job is larger than everything else about an allocation.
///
///     {"Jobs": [job, …], "Allocations": [allocation without its job, …], "JobOf": [position in Jobs or -1, …]}
///
/// A plain array of allocations is read too.
package struct SharedJobs: JSONForm, Equatable {
    package var allocations: [Allocation]

    package init(_ allocations: [Allocation] = []) { self.allocations = allocations }

    /// What tells one version of a job from another, as it is at one moment.
    private struct Version: Hashable {
        let namespace: String
        let id: String
        let version: UInt64
        /// Another one's after a purge.
        let createIndex: UInt64
        /// Moves with the job's status.
        let modifyIndex: UInt64

        init(_ job: Job) {
            namespace = job.namespace
            id = job.id
            version = job.version
            createIndex = job.createIndex
            modifyIndex = job.modifyIndex
        }
    }

    package func write(to writer: inout JSONWriter) {
        var positions: [Version: Int] = [:]
        var jobs: [Job] = []
        let jobOf = allocations.map { allocation -> Int in
            guard let job = allocation.job else { return -1 }
            let version = Version(job)
            if let known = positions[version] { return known }
            positions[version] = jobs.count
            jobs.append(job)
            return jobs.count - 1
        }
        writer.beginObject()
        writer.key("Jobs" as StaticString)
        jobs.write(to: &writer)
        writer.key("Allocations" as StaticString)
        writer.beginArray()
        for var allocation in allocations {
            allocation.job = nil
            allocation.write(to: &writer)
        }
        writer.endArray()
        writer.key("JobOf" as StaticString)
        jobOf.write(to: &writer)
        writer.endObject()
    }

    package static func read(_ json: JSON) throws(DocumentError) -> SharedJobs {
        if json.array != nil { return SharedJobs(try [Allocation].read(json)) }
        var parts = try Parts(json: json)
        guard parts.jobOf.count == parts.allocations.count else {
            throw DocumentError(
                path: "JobOf", message: "\(parts.jobOf.count) entries for \(parts.allocations.count) allocations")
        }
        for (position, number) in parts.jobOf.enumerated() where number != -1 {
            guard parts.jobs.indices.contains(number) else {
                throw DocumentError(path: "JobOf[\(position)]", message: "there is no job \(number)")
            }
            parts.allocations[position].job = parts.jobs[number]
        }
        return SharedJobs(parts.allocations)
    }

    private struct Parts: Document {
        var jobs: [Job] = []
        var allocations: [Allocation] = []
        var jobOf: [Int] = []

        mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
            try visitor.field("Jobs", &jobs)
            try visitor.field("Allocations", &allocations)
            try visitor.field("JobOf", &jobOf)
        }
    }
}
