internal import APIClient
internal import Basics
internal import Model

/// Finds objects by what users type: an id, or the beginning of one.
struct Lookup {
    let client: DroverClient
    let shown: Shown

    /// The job of that id, else the only one that begins so, and a client for its namespace.
    func job(_ text: String) async throws -> (id: String, client: DroverClient) {
        let jobs = try await client.jobs(prefix: text)
        let exact = jobs.filter { $0.id == text }
        let job = try exact.count == 1 ? exact[0] : only(exact.isEmpty ? jobs : exact, text)
        var client = client
        if client.namespace == "*" { client.namespace = job.namespace }
        return (job.id, client)
    }

    private func only(_ jobs: [JobStub], _ text: String) throws -> JobStub {
        guard !jobs.isEmpty else { throw CommandError("No job(s) with prefix or ID \"\(text)\" found") }
        guard jobs.count == 1 else {
            let list = JobOutput(shown: shown).list(jobs, allNamespaces: client.namespace == "*")
            throw CommandError("Prefix matched multiple jobs\n\n\(list)")
        }
        return jobs[0]
    }

    func allocation(_ text: String) async throws -> Allocation {
        try await client.allocation(try await allocationID(text))
    }

    func allocationID(_ text: String) async throws -> ID {
        if let id = try whole(text) { return id }
        let found = try await client.allocations(prefix: text)
        return try only(found.map(\.id), kind: "alloc", "allocation", text) { JobOutput(shown: shown).table(found) }
    }

    /// The newest running allocation of a job, or of those that are left the newest; of one group, if it is named.
    func newestAllocation(ofJob text: String, group: String?) async throws -> Allocation {
        let (id, client) = try await job(text)
        let candidates = try await client.jobAllocations(id).filter { group == nil || $0.taskGroup == group }
        let running = candidates.filter { $0.clientStatus == .running }
        guard let newest = (running.isEmpty ? candidates : running).max(by: { $0.createIndex < $1.createIndex }) else {
            throw CommandError("Job \"\(id)\" has no allocations\(group.map { " of group \"\($0)\"" } ?? "")")
        }
        return try await client.allocation(newest.id)
    }

    func nodeID(_ text: String) async throws -> ID {
        if let id = try whole(text) { return id }
        let found = try await client.nodes(prefix: text)
        return try only(found.map(\.id), kind: "node", "node", text) { NodeOutput(shown: shown).list(found) }
    }

    func evaluationID(_ text: String) async throws -> ID {
        if let id = try whole(text) { return id }
        let found = try await client.evaluations(prefix: text)
        return try only(found.map(\.id), kind: "evaluation", "evaluation", text) {
            EvaluationOutput(shown: shown).list(found)
        }
    }

    /// The id when the text is a whole one; an error when it is too short to look for.
    private func whole(_ text: String) throws -> ID? {
        guard text.utf8.count >= 2 else { throw CommandError("Identifier must contain at least two characters.") }
        return ID(text)
    }

    private func only(_ ids: [ID], kind: String, _ noun: String, _ text: String, table: () -> String) throws -> ID {
        guard let first = ids.first else { throw CommandError("No \(kind)(s) with prefix or id \"\(text)\" found") }
        guard ids.count == 1 else { throw CommandError("Prefix matched multiple \(noun)s\n\n\(table())") }
        return first
    }
}
