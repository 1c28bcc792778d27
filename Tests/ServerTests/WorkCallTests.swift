import Basics
import Model
import RPC
import SimulatedSeam
import StateStore
import Testing

@testable import Server

/// What workers of other servers send and get.
@Suite struct WorkCallTests {
    @Test func aPlanArrivesAsItWasSent() throws {
        var batch = PlacementBatch()
        batch.taskGroup = "web"
        batch.ids = [ID(high: 1, low: 2)]
        batch.nodes = [7]
        batch.nameIndexes = [3]
        batch.scores = [0.5]
        var plan = Plan()
        plan.evalID = ID(high: 3, low: 4)
        plan.jobID = "job"
        plan.snapshotIndex = 99
        plan.placements = [batch]
        var call = SubmitPlan()
        (call.id, call.token, call.plan) = (plan.evalID, 1 << 40 + 5, EncodedPlan(plan))
        let read = try SubmitPlan(json: call.jsonBytes)
        #expect(read.plan.plan == plan && read.token == call.token && read.id == call.id)
    }

    @Test(arguments: ["\"\"", "\"AAAA\"", "7", "\"====\""]) func whatIsNoPlanIsRefused(text: String) {
        let bytes = Array("{\"EvalID\":\"\",\"Token\":1,\"Plan\":\(text)}".utf8)
        #expect(throws: (any Error).self) { try SubmitPlan(json: bytes) }
    }

    @Test func theResultArrivesAsItWasSent() throws {
        var result = PlanResult()
        (result.index, result.placed, result.refreshIndex, result.quotaLimitReached) = (12, 3, 14, "small")
        result.rejected = [2: "no room", 9: "is down"]
        #expect(try SubmitPlanReply(json: SubmitPlanReply(result).jsonBytes).result == result)
    }

    /// Workers that an earlier release turned away go to work as soon as their own server leads.
    @Test func workersOfANewLeaderWorkAtOnce() throws {
        try SimulatedServers.run((1...3).map { SimulatedServers.Settings(number: $0, isEarlier: true) }) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            for number in 1...2 {
                let old = try #require(group.leader)
                // Time for all others' workers to be turned away.
                try await group.sleep(.seconds(2))
                _ = try await old.call(TransferLeadership(), context: CallContext())
                try await group.eventually("another leads") { group.leader != nil && group.leader !== old }
                let leader = try #require(group.leader)
                var evaluation = Evaluation()
                evaluation.id = ID(high: 7, low: UInt64(number))
                (evaluation.namespace, evaluation.jobID, evaluation.type) = ("default", "job-\(number)", .service)
                try await leader.propose(.evaluationsUpdate([evaluation], time: group.world.loop.now))
                try await group.sleep(.seconds(2))
                #expect(leader.snapshot.evaluation(evaluation.id)?.status == .complete)
            }
        }
    }
}
