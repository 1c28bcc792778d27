import APIClient
import Basics
import HTTPAPI
import Model
import RPC
import Testing

@Suite("Namespaces, quotas and node pools")
struct NamespaceTests {
    private static let servers: @Sendable () -> FakeServers = {
        FakeServers { call, _ in
            guard let query = call as? Query else { return IndexReply(index: 9) }
            var reply = QueryReply()
            let isList = query.kind == .quotas || query.kind == .quotaUsages || query.kind == .namespaces
            reply.body = RawJSON(Array((isList ? #"[{"Name":"small"}]"# : #"{"Name":"small"}"#).utf8))
            return reply
        }
    }

    @Test func readsReachTheServers() async throws {
        let servers = NamespaceTests.servers()
        try await withAPI(servers: servers) { client in
            let quotas = try await client.quotas(prefix: "sm")
            #expect(quotas.map(\.name) == ["small"])
            #expect(try await client.quota("small").name == "small")
            #expect(try await client.quotaUsages().map(\.name) == ["small"])
            #expect(try await client.quotaUsage("small").name == "small")
            #expect(try await client.namespaces().map(\.name) == ["small"])
            #expect(try await client.namespace("small").name == "small")
        }
        let queries = servers.received(Query.self)
        #expect(queries.map(\.kind) == [.quotas, .quota, .quotaUsages, .quotaUsage, .namespaces, .namespace])
        #expect(queries.map(\.id) == ["", "small", "", "small", "", "small"] && queries[0].prefix == "sm")
    }

    @Test func writesReachTheServers() async throws {
        let servers = NamespaceTests.servers()
        try await withAPI(servers: servers) { client in
            var quota = QuotaSpec()
            quota.name = "small"
            var limit = QuotaLimit()
            limit.region = "global"
            limit.regionLimit.memoryMaxMB = 7
            quota.limits = [limit]
            try await client.setQuota(quota)
            var namespace = Namespace()
            namespace.name = "team"
            namespace.quota = "small"
            try await client.setNamespace(namespace)
            try await client.deleteQuota("small")
            try await client.deleteNamespace("team")
            let answer = try await client.put("/v1/quota/other", body: .object([("Description", .string("d"))]))
            #expect(answer.index == 9 && answer.body.isEmpty)
        }
        let quotas = servers.received(UpsertQuota.self).map(\.quota)
        #expect(quotas.map(\.name) == ["small", "other"] && quotas[0].limits.first?.regionLimit.memoryMaxMB == 7)
        #expect(servers.received(UpsertNamespace.self).map(\.namespace.quota) == ["small"])
        #expect(servers.received(DeleteQuota.self).map(\.name) == ["small"])
        #expect(servers.received(DeleteNamespace.self).map(\.name) == ["team"])
    }

    @Test func nodePoolsReachTheServers() async throws {
        let servers = FakeServers { call, _ in
            guard let query = call as? Query else { return IndexReply(index: 9) }
            var reply = QueryReply()
            reply.body = RawJSON(Array((query.kind == .nodePool ? #"{"Name":"gpu"}"# : "[]").utf8))
            return reply
        }
        try await withAPI(servers: servers) { client in
            let pool = try await client.nodePool("gpu")
            #expect(pool.name == "gpu")
            _ = try await client.nodePools()
            _ = try await client.nodes(inPool: "gpu")
            _ = try await client.jobs(inPool: "gpu")
            try await client.setNodePool(pool)
            try await client.deleteNodePool("gpu")
        }
        let queries = servers.received(Query.self)
        #expect(queries.map(\.kind) == [.nodePool, .nodePools, .nodePoolNodes, .nodePoolJobs])
        #expect(queries.map(\.id) == ["gpu", "", "gpu", "gpu"])
        #expect(servers.received(UpsertNodePool.self).map(\.pool.name) == ["gpu"])
        #expect(servers.received(DeleteNodePool.self).map(\.name) == ["gpu"])
    }

    @Test(arguments: ["/v1/quota/b", "/v1/namespace/b", "/v1/node/pool/b"])
    func pathAndBodyMustAgree(path: String) async throws {
        try await withAPI(servers: NamespaceTests.servers()) { client in
            let answer = try await client.send("PUT", path, body: Array(#"{"Name": "a"}"#.utf8))
            #expect(answer.status == 400 && answer.text.contains("name does not match request path"))
        }
    }
}
