import Basics
import Model
import Testing

@testable import RPC

struct SharedJobsTests {
    private func allocation(_ number: UInt64, _ job: Job?) -> Allocation {
        var allocation = Allocation()
        allocation.id = ID(high: 1, low: number)
        allocation.jobID = job?.id ?? ""
        allocation.job = job
        allocation.allocModifyIndex = number
        return allocation
    }

    private func job(_ id: String, version: UInt64) -> Job {
        var job = Job()
        (job.id, job.namespace, job.version) = (id, "default", version)
        var group = TaskGroup()
        group.name = "g"
        group.tasks = [JobTask()]
        job.taskGroups = [group]
        return job
    }

    @Test func everyVersionIsWrittenOnceAndPutTogetherAgain() throws {
        let jobs = [job("web", version: 0), job("web", version: 1), job("db", version: 0)]
        var reply = WatchAllocationsReply()
        (reply.index, reply.resume) = (9, ID(high: 1, low: 40))
        reply.changed = (0..<40).map { allocation($0, $0 == 7 ? nil : jobs[Int($0) % 3]) }
        let json = try JSONParser.parse(reply.jsonBytes)
        #expect(json["Changed"]?["Jobs"]?.array?.count == 3)
        #expect(json["Changed"]?["JobOf"]?.array?.count == 40)
        #expect(try WatchAllocationsReply(json: json) == reply)
        #expect(try WatchAllocationsReply(json: WatchAllocationsReply().jsonBytes) == WatchAllocationsReply())
    }

    @Test func allocationsWithTheirJobsAreReadToo() throws {
        let plain = [allocation(1, job("web", version: 0)), allocation(2, nil)]
        var writer = JSONWriter()
        plain.write(to: &writer)
        #expect(try SharedJobs.read(try JSONParser.parse(writer.bytes)).allocations == plain)
    }

    @Test(arguments: [
        (text: #"{"Jobs": [], "Allocations": [{}], "JobOf": []}"#, fault: "0 entries for 1 allocations"),
        (#"{"Jobs": [{}], "Allocations": [{}], "JobOf": [1]}"#, "there is no job 1"),
        (#"{"Jobs": [{}], "Allocations": [{}], "JobOf": [-2]}"#, "there is no job -2"), ("7", "expected"),
    ])
    func whatDoesNotBelongTogetherIsRefused(text: String, fault: String) throws {
        let json = try JSONParser.parse(Array(text.utf8))
        let error = #expect(throws: DocumentError.self) { try SharedJobs.read(json) }
        #expect(error?.description.contains(fault) == true, "\(String(describing: error))")
    }

    /// A job takes most of what an allocation takes as JSON.
    @Test func tenThousandAllocationsOfOneJobTakeAFractionOfTheirBytes() {
        let job = job("web", version: 3)
        let allocations = (0..<10_000).map { allocation(UInt64($0), job) }
        var (shared, whole) = (JSONWriter(), JSONWriter())
        SharedJobs(allocations).write(to: &shared)
        allocations.write(to: &whole)
        #expect(shared.bytes.count * 2 < whole.bytes.count, "\(shared.bytes.count) of \(whole.bytes.count)")
    }
}
