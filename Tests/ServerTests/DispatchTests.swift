import Basics
import Model
import RPC
import StateStore
import Testing

@testable import Server

/// Instances of parameterized jobs.
@Suite struct DispatchTests {
    private static func parameterized(_ id: String, payload: String = "optional") -> Job {
        var job = ServerFixture.job(id)
        job.type = .batch
        job.meta = ["kind": "thumbnail", "size": "1"]
        var wanted = ParameterizedJobConfig()
        wanted.payload = payload
        wanted.metaRequired = ["source"]
        wanted.metaOptional = ["size"]
        job.parameterizedJob = wanted
        return job
    }

    private static func register(_ job: Job, _ fixture: ServerFixture) async throws {
        var call = RegisterJob()
        call.job = job
        let reply = try await fixture.call(call)
        #expect(reply.evalID.isNone, "a parameterized job is not placed itself")
    }

    private static func dispatch(_ meta: [String: String], payload: String = "", token: String = "") -> DispatchJob {
        var call = DispatchJob()
        call.jobID = "resize"
        call.dispatch.meta = meta
        call.dispatch.payload = Base64.encode(Array(payload.utf8))
        call.idempotencyToken = token
        return call
    }

    @Test func anInstanceIsPlacedWithinTheCall() throws {
        try ServerFixture.run { fixture in
            try await Self.register(Self.parameterized("resize"), fixture)
            var call = Self.dispatch(["source": "a.png", "size": "2"], payload: "pixels")
            call.dispatch.idPrefixTemplate = "night"
            call.dispatch.priority = 70
            call.placement = .immediate
            let reply = try await fixture.call(call)
            #expect(reply.dispatchedJobID.hasPrefix("resize/dispatch-night-"))
            #expect(reply.placement?.status == .complete && reply.placement?.allocations.count == 1)
            let instance = try #require(fixture.server.snapshot.job("default", reply.dispatchedJobID))
            #expect(instance.parentID == "resize" && instance.dispatched && !instance.isParameterized)
            #expect(instance.meta == ["kind": "thumbnail", "source": "a.png", "size": "2"])
            #expect(instance.payload == Base64.encode(Array("pixels".utf8)) && instance.priority == 70)
            let parent = try #require(fixture.server.snapshot.jobSummary("default", "resize")?.children)
            #expect(parent.pending + parent.running + parent.dead == 1)
        }
    }

    @Test func whatTheJobDoesNotTakeIsRefused() throws {
        try ServerFixture.run { fixture in
            try await Self.register(Self.parameterized("resize", payload: "required"), fixture)
            for (call, words) in [
                (Self.dispatch(["source": "a"]), "requires a payload"),
                (Self.dispatch([:], payload: "x"), "required meta keys are missing: source"),
                (
                    Self.dispatch(["source": "a", "colour": "red"], payload: "x"),
                    "does not take: colour; it takes size, source"
                ),
                (Self.dispatch(["source": "a"], payload: String(repeating: "x", count: 16_385)), "16385 bytes"),
            ] {
                let error = await #expect(throws: CallError.self) { try await fixture.call(call) }
                #expect(
                    error?.code == .invalid && error?.message.contains(words) == true, "\(error?.message ?? "no error")"
                )
            }
            try await Self.register(Self.parameterized("resize", payload: "forbidden"), fixture)
            let error = await #expect(throws: CallError.self) {
                try await fixture.call(Self.dispatch(["source": "a"], payload: "x"))
            }
            #expect(error?.message.contains("takes no payload") == true)
            var plain = RegisterJob()
            plain.job = ServerFixture.job("resize")
            _ = try await fixture.call(plain)
            let unlike = await #expect(throws: CallError.self) {
                try await fixture.call(Self.dispatch(["source": "a"]))
            }
            #expect(unlike?.message.contains("is not parameterized") == true)
        }
    }

    @Test func theSameTokenMakesOneInstance() throws {
        try ServerFixture.run { fixture in
            try await Self.register(Self.parameterized("resize"), fixture)
            let call = Self.dispatch(["source": "a"], token: "order-7")
            async let first = fixture.call(call)
            async let second = fixture.call(call)
            let ids = [try await first.dispatchedJobID, try await second.dispatchedJobID]
            #expect(ids[0] == ids[1])
            let third = try await fixture.call(call)
            #expect(third.dispatchedJobID == ids[0] && third.evalID.isNone)
            let other = try await fixture.call(Self.dispatch(["source": "a"], token: "order-8"))
            #expect(other.dispatchedJobID != ids[0])
            var count = 0
            fixture.server.snapshot.forEachJob { record in
                count += record.key.id.hasPrefix("resize/dispatch-") ? 1 : 0
                return true
            }
            #expect(count == 2)
        }
    }

    /// An instance that is registered again stays one; no request makes one by hand.
    @Test func onlyADispatchMakesAnInstance() throws {
        try ServerFixture.run { fixture in
            var forged = ServerFixture.job("forged")
            forged.dispatched = true
            forged.parentID = "resize"
            forged.payload = "eA=="
            var call = RegisterJob()
            call.job = forged
            _ = try await fixture.call(call)
            let stored = try #require(fixture.server.snapshot.job("default", "forged"))
            #expect(!stored.dispatched && stored.parentID.isEmpty && stored.payload == nil)

            try await Self.register(Self.parameterized("resize"), fixture)
            let id = try await fixture.call(Self.dispatch(["source": "a"])).dispatchedJobID
            var again = try #require(fixture.server.snapshot.job("default", id))
            again.dispatched = false
            again.priority = 60
            call.job = again
            #expect(try await !fixture.call(call).evalID.isNone)
            #expect(fixture.server.snapshot.job("default", id)?.dispatched == true)
        }
    }
}
