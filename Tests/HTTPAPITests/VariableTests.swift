import APIClient
import Basics
import HTTPAPI
import Model
import RPC
import Testing

@Suite("Variables")
struct VariableTests {
    private static func servers(isConflict: Bool = false) -> FakeServers {
        FakeServers { call, _ in
            var variable = Variable()
            (variable.namespace, variable.path, variable.items) = ("default", "a/b", ["k": "v"])
            variable.modifyIndex = 7
            variable.lock = VariableLock()
            switch call {
            case is Query:
                var reply = QueryReply()
                let query = call as? Query
                let isList = query?.kind != .variable
                let metadata = VariableMetadata(variable)
                reply.body = RawJSON(isList ? JSON.array([metadata.json]).bytes : variable.jsonBytes)
                reply.nextToken = isList ? "default.c" : ""
                return reply
            case is RotateRootKey:
                var reply = RootKeyReply()
                reply.key.state = .active
                return reply
            case is DeleteRootKey: return IndexReply(index: 9)
            default:
                var reply = VariableReply()
                (reply.variable, reply.index, reply.isConflict) = (variable, 9, isConflict)
                return reply
            }
        }
    }

    @Test func readsReachTheServers() async throws {
        let servers = Self.servers()
        try await withAPI(servers: servers) { client in
            var client = client
            client.namespace = "*"
            let page = try await client.variables(prefix: "a", filter: "x", perPage: 2, nextToken: "t")
            #expect(page.variables.map(\.path) == ["a/b"] && page.nextToken == "default.c")
            #expect(try await client.variable("a/b").items == ["k": "v"])
            _ = try await client.rootKeys()
        }
        let queries = servers.received(Query.self)
        #expect(queries.map(\.kind) == [.variables, .variable, .rootKeys] && queries[1].id == "a/b")
        #expect(queries[0].prefix == "a" && queries[0].filter == "x" && queries[0].perPage == 2)
        #expect(queries[0].nextToken == "t" && servers.contexts[0].namespace == "*")
    }

    @Test func writesReachTheServers() async throws {
        let servers = Self.servers()
        try await withAPI(servers: servers) { client in
            var variable = Variable()
            (variable.path, variable.items) = ("a/b", ["k": "v"])
            guard case .done(let stored) = try await client.setVariable(variable, checkIndex: 5) else {
                throw CallError(.failed, "conflict")
            }
            #expect(stored.modifyIndex == 7 && stored.items == ["k": "v"])
            _ = try await client.setVariable(variable)
            #expect(try await client.deleteVariable("a/b", checkIndex: 6) == .done(Variable()))
            let answer = try await client.send("DELETE", "/v1/var/a/b")
            #expect(answer.status == 204 && answer.body.isEmpty && answer.index == 9)
            #expect(answer.headers["content-length"] == nil)
        }
        let puts = servers.received(PutVariable.self)
        #expect(puts.map(\.checkAndSet) == [true, false] && puts[0].modifyIndex == 5)
        #expect(puts[0].variable.path == "a/b" && puts[0].variable.namespace == "default" && !puts[0].acquires)
        let deletions = servers.received(DeleteVariable.self)
        #expect(deletions.map(\.checkAndSet) == [true, false] && deletions[0].modifyIndex == 6)
        #expect(deletions[0].path == "a/b" && deletions[0].namespace == "default")
    }

    @Test func locksReachTheServers() async throws {
        let servers = Self.servers()
        let id = ID(high: 3, low: 4)
        try await withAPI(servers: servers) { client in
            var variable = Variable()
            (variable.path, variable.lock) = ("a/b", VariableLock())
            variable.lock?.ttl = DurationText(.seconds(20))
            _ = try await client.acquireLock(variable)
            _ = try await client.renewLock("a/b", id: id)
            _ = try await client.releaseLock("a/b", id: id)
            let renewed = try await client.put(
                "/v1/var/a/b", query: [("lock-renew", "")],
                body: .object([("Path", .string("a/b")), ("Lock", .object([("ID", .string(id.description))]))]))
            #expect(try renewed.json()["Items"] == nil, "what is held goes on is told without items")
        }
        let acquisition = try #require(servers.received(PutVariable.self).first)
        #expect(acquisition.acquires && acquisition.variable.lock?.ttl.duration == .seconds(20))
        let kept = servers.received(KeepVariableLock.self)
        #expect(kept.map(\.releases) == [false, true, false] && kept.allSatisfy { $0.lockID == id })
    }

    @Test func conflictsAnswerWithWhatIsThere() async throws {
        try await withAPI(servers: Self.servers(isConflict: true)) { client in
            var variable = Variable()
            (variable.path, variable.items) = ("a/b", ["k": "v"])
            guard case .conflict(let there) = try await client.setVariable(variable, checkIndex: 1) else {
                throw CallError(.failed, "no conflict")
            }
            #expect(there.modifyIndex == 7 && there.items == ["k": "v"])
            guard case .conflict = try await client.deleteVariable("a/b", checkIndex: 1),
                case .conflict = try await client.renewLock("a/b", id: ID(high: 1, low: 1))
            else { throw CallError(.failed, "no conflict") }
            let answer = try await client.send("PUT", "/v1/var/a/b?cas=1", body: variable.jsonBytes)
            #expect(answer.status == 409 && answer.headers["content-type"] == "application/json")
        }
    }

    @Test(arguments: [
        ("/v1/var/b", "variable path does not match"), ("/v1/var/a?namespace=c", "namespace does not match"),
        ("/v1/var/a?cas=x", "Error parsing cas value"), ("/v1/var/a?lock-renew&lock-release", "give one of"),
        ("/v1/var/a?cas=1&lock-renew", "cannot be combined"),
    ])
    func badWritesAreRefused(path: String, message: String) async throws {
        try await withAPI(servers: Self.servers()) { client in
            let body = #"{"Namespace": "b", "Path": "a", "Items": {"k": "v"}}"#
            let answer = try await client.send("PUT", path, body: Array(body.utf8))
            #expect(answer.status == 400 && answer.text.contains(message), "\(answer.text)")
        }
    }

    @Test func keyringRoutes() async throws {
        let servers = Self.servers()
        let id = ID(high: 5, low: 6)
        try await withAPI(servers: servers) { client in
            #expect(try await client.rotateRootKey(full: true).state == .active)
            _ = try await client.rotateRootKey(publishTime: Timestamp(nanoseconds: 77))
            try await client.deleteRootKey(id, force: true)
            let answer = try await client.send("DELETE", "/v1/operator/keyring/key/12")
            #expect(answer.status == 400)
        }
        let rotations = servers.received(RotateRootKey.self)
        #expect(rotations.map(\.full) == [true, false] && rotations[1].publishTime == Timestamp(nanoseconds: 77))
        #expect(servers.received(DeleteRootKey.self).map(\.keyID) == [id])
        #expect(servers.received(DeleteRootKey.self).first?.force == true)
    }

    /// Web pages of other origins may use variables and nothing else that this API has so far.
    @Test func otherOriginsAreAdmitted() async throws {
        try await withAPI(servers: Self.servers()) { client in
            let origin = [("Origin", "https://example.org")]
            let ask = try await client.send(
                "OPTIONS", "/v1/var/a/b", headers: origin + [("Access-Control-Request-Method", "PUT")])
            #expect(ask.status == 204 && ask.headers["access-control-allow-origin"] == "*")
            #expect(ask.headers["access-control-allow-methods"] == "GET, PUT, DELETE")
            let list = try await client.send("GET", "/v1/vars", headers: origin)
            #expect(list.status == 200 && list.headers["access-control-allow-methods"] == "GET")
            #expect(try await client.send("GET", "/v1/vars").headers["access-control-allow-origin"] == nil)
            let jobs = try await client.send("OPTIONS", "/v1/jobs", headers: origin)
            #expect(jobs.status == 405 && jobs.headers["access-control-allow-origin"] == nil)
        }
    }
}
