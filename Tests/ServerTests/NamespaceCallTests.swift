import Basics
import Model
import RPC
import StateStore
import Testing

@testable import Server

/// What servers refuse and do about namespaces, quotas and node pools.
@Suite struct NamespaceCallTests {
    private static func message<Call: ServerCall>(_ call: Call, on fixture: ServerFixture) async -> String {
        do {
            _ = try await fixture.server.call(call, context: CallContext())
            return "accepted"
        } catch {
            return (error as? CallError)?.message ?? "\(error)"
        }
    }

    @Test func jobsNeedTheirPool() throws {
        let messages = try ServerFixture.run { fixture in
            var call = RegisterJob()
            call.job = ServerFixture.job("web")
            call.job.nodePool = "gpu"
            let before = await Self.message(call, on: fixture)
            var pool = UpsertNodePool()
            pool.pool.name = "gpu"
            let made = await Self.message(pool, on: fixture)
            return [before, made, await Self.message(call, on: fixture)]
        }
        #expect(messages[0].contains("job \"web\" is in nonexistent node pool \"gpu\""))
        #expect(messages[1...] == ["accepted", "accepted"])
    }

    @Test func badSpecificationsAreRefused() throws {
        let messages = try ServerFixture.run { fixture in
            var quota = UpsertQuota()
            quota.quota.name = "a b"
            quota.quota.limits = [QuotaLimit(), QuotaLimit()]
            var namespace = UpsertNamespace()
            namespace.namespace.name = ""
            var pool = UpsertNodePool()
            pool.pool.name = "gpu"
            var own = NodePoolSchedulerConfiguration()
            own.schedulerAlgorithm = "magic"
            pool.pool.schedulerConfiguration = own
            return [
                await Self.message(quota, on: fixture), await Self.message(namespace, on: fixture),
                await Self.message(pool, on: fixture),
            ]
        }
        #expect(messages[0].hasPrefix("4 errors occurred") && messages[0].contains("more than one limit"))
        #expect(messages[1].contains("invalid namespace name"))
        #expect(messages[2].contains("unknown scheduler algorithm \"magic\""))
    }

    @Test func usageIsAnswered() throws {
        let usage = try ServerFixture.run { fixture in
            var quota = UpsertQuota()
            quota.quota.name = "small"
            var limit = QuotaLimit()
            limit.region = "global"
            limit.regionLimit.cpu = 1_000
            quota.quota.limits = [limit]
            var namespace = UpsertNamespace()
            namespace.namespace.name = "default"
            namespace.namespace.quota = "small"
            _ = try await fixture.server.call(quota, context: CallContext())
            _ = try await fixture.server.call(namespace, context: CallContext())
            let answer = try await fixture.server.call(
                Query(.quotaUsage, id: "small"), context: CallContext())
            return try QuotaUsage(json: answer.body.bytes)
        }
        #expect(usage.name == "small" && usage.used.values.map(\.region) == ["global"])
        #expect(usage.used.keys.allSatisfy { $0.utf8.count == 16 })
    }
}
