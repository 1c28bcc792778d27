import APIClient
import Basics
import HTTPAPI
import Model
import RPC
import Synchronization
import Testing

/// A pool with one member, `a.global`, that remembers what it was asked.
final class FakePool: PoolEndpoint {
    let asked = Mutex<[String]>([])

    func join(_ addresses: [String]) async -> PoolJoinReply {
        asked.withLock { $0.append("join \(addresses)") }
        var reply = PoolJoinReply()
        reply.joined = 1
        reply.error = "b:4648: no answer"
        return reply
    }

    func forceLeave(_ member: String, prune: Bool) async throws {
        guard member == "a.global" else { throw CallError(.notFound, "no member \"\(member)\"") }
        asked.withLock { $0.append("leave \(member) \(prune)") }
    }

    func changeKeys(_ change: KeyringChange) async throws -> KeyringReply {
        asked.withLock { $0.append("\(change)") }
        var reply = KeyringReply()
        reply.keys = ["abc=": 2]
        reply.members = 2
        reply.messages = ["a.global": "well"]
        return reply
    }
}

@Suite("Pool routes")
struct PoolRouteTests {
    @Test func thePoolIsJoinedAndLeft() async throws {
        let pool = FakePool()
        try await withAPI(pool: pool) { client in
            let joined = try await client.joinPool(["a", "b:4648"])
            #expect(joined.joined == 1 && joined.error == "b:4648: no answer")
            try await client.forceLeave("a.global")
            try await client.forceLeave("a.global", prune: true)
            let error = await #expect(throws: APIError.self) { try await client.forceLeave("c") }
            #expect(error?.status == 404)
        }
        #expect(
            pool.asked.withLock { $0 } == [
                #"join ["a", "b:4648"]"#, "leave a.global false", "leave a.global true",
            ])
    }

    @Test func keysAreChanged() async throws {
        let pool = FakePool()
        try await withAPI(pool: pool) { client in
            let keys = try await client.gossipKeys()
            #expect(keys.keys == ["abc=": 2] && keys.members == 2 && keys.messages == ["a.global": "well"])
            for operation in ["install", "use", "remove"] { _ = try await client.changeGossipKey(operation, "k=") }
            let none = try await client.send("PUT", "/v1/agent/keyring/use")
            #expect(none.status == 400 && none.text.contains("\"Key\""), "\(none.text)")
        }
        #expect(pool.asked.withLock { $0 } == ["list", "install(\"k=\")", "use(\"k=\")", "remove(\"k=\")"])
    }

    @Test(arguments: [
        ("PUT", "/v1/agent/join", 400, "missing address to join"),
        ("PUT", "/v1/agent/force-leave", 400, "missing node"),
        ("GET", "/v1/agent/keyring/install", 405, "Invalid method"),
    ])
    func refusals(method: String, path: String, status: Int, text: String) async throws {
        try await withAPI(pool: FakePool()) { client in
            let answer = try await client.send(method, path)
            #expect(answer.status == status && answer.text.contains(text), "\(answer.text)")
        }
    }

    @Test func aClientIsInNoPool() async throws {
        try await withAPI { client in
            let answer = try await client.send("PUT", "/v1/agent/join?address=a")
            #expect(answer.status == 501 && answer.text.contains("ask a server's agent"), "\(answer.text)")
        }
    }

    /// Query, body, job, agent: the first that names a region counts, and "global" in a job names none.
    @Test(arguments: [
        ("?region=q", #"{"Region": "b", "Job": {"ID": "x", "Region": "j"}}"#, "q"),
        ("", #"{"Region": "b", "Job": {"ID": "x", "Region": "j"}}"#, "b"),
        ("", #"{"Job": {"ID": "x", "Region": "j"}}"#, "j"),
        ("", #"{"Job": {"ID": "x", "Region": "global"}}"#, "home"),
        ("", #"{"Job": {"ID": "x"}}"#, "home"),
    ])
    func whereAJobGoes(query: String, body: String, region: String) async throws {
        let servers = WriteTests.servers()
        try await withAPI(servers: servers, region: "home") { client in
            _ = try await client.send("PUT", "/v1/jobs" + query, body: Array(body.utf8)).checked()
        }
        #expect(servers.contexts.map(\.region) == [region])
        #expect(servers.received(RegisterJob.self).map(\.job.region) == [region])
    }
}
