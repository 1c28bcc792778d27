import Basics
import Model
import RPC
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
}
