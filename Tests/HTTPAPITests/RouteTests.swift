import APIClient
import Basics
import HTTPAPI
import RPC
import Synchronization
import Testing

@Suite("Routes")
struct RouteTests {
    /// Reads anybody may make: who leads, who is there, does it live; search asks for each kind it looks through.
    static let open: Set = [
        "/v1/agent/health", "/v1/status/leader", "/v1/status/peers", "/v1/regions", "/v1/search",
    ]

    @Test func everyRouteDeclaresWhatItNeeds() {
        var seen: Set<String> = []
        for route in RouteTable.standard.routes {
            let name = "\(route.method.rawValue) \(route.pattern)"
            #expect(seen.insert(name).inserted, "\(name) is there twice")
            #expect(route.pattern.description.hasPrefix("/v1/"))
            if route.capability == .none { #expect(RouteTests.open.contains(route.pattern.description), "\(name)") }
        }
        #expect(seen.count > 45)
    }

    /// Walks the whole table: each route is reached by its path, asks for its capability first and answers 403 when refused. On an
    /// allocation of this node that counts in the allocation's namespace, whatever the request says.
    @Test func everyRouteAsksForItsCapability() async throws {
        let asked = Mutex<[(capability: Capability, namespace: String)]>([])
        try await withAPI(authorize: { capability, context in
            asked.withLock { $0.append((capability, context.namespace)) }
            throw CallError(.permission, "Permission denied")
        }) { client in
            for route in RouteTable.standard.routes {
                let isAboutAllocation = ["/v1/client/fs/", "/v1/client/allocation/"].contains {
                    route.pattern.description.hasPrefix($0)
                }
                let path = route.pattern.description.split(separator: "/").map { part in
                    part == ":id" && isAboutAllocation
                        ? "\(FakeClient.allocation)" : part.hasPrefix(":") ? "a" : String(part)
                }
                let answer = try await client.send(
                    route.method.rawValue, "/\(path.joined(separator: "/"))?namespace=other")
                #expect(answer.status == 403, "\(route.pattern)")
                #expect(answer.text == "Permission denied")
                let last = asked.withLock { $0.last }
                #expect(last?.capability == route.capability, "\(route.pattern)")
                #expect(last?.namespace == (isAboutAllocation ? "home" : "other"), "\(route.pattern)")
            }
        }
    }

    @Test(arguments: [
        ("GET", "/v1/nothing", 404, "no such path"),
        ("GET", "/", 404, "no such path"),
        ("DELETE", "/v1/jobs", 405, "Invalid method"),
        ("GET", "/v1/job/a/plan", 405, "Invalid method"),
        ("PATCH", "/v1/jobs", 405, "Invalid method"),
        ("GET", "/v1/jobs?index=x", 400, "Invalid index"),
        ("GET", "/v1/jobs?wait=x", 400, "Invalid wait time"),
        ("GET", "/v1/jobs?per_page=-1", 400, "per_page"),
        ("GET", "/v1/jobs?stale=perhaps", 400, "stale"),
        ("PUT", "/v1/allocation/12/stop", 400, "allocation ID \"12\" is not a UUID"),
        ("PUT", "/v1/allocation/00000000-0000-0000-0000-000000000000/stop", 404, "Unknown allocation"),
        ("GET", "/v1/client/fs/logs/12", 400, "allocation ID \"12\" is not a UUID"),
        ("GET", "/v1/client/fs/logs/\(FakeClient.allocation)", 400, "must provide task name"),
        ("GET", "/v1/client/stats?node_id=99999999", 400, "is no whole node id"),
        ("PUT", "/v1/operator/scheduler/configuration?cas=x", 400, "Error parsing cas value"),
    ])
    func refusals(method: String, path: String, status: Int, text: String) async throws {
        try await withAPI { client in
            let answer = try await client.send(method, path)
            #expect(answer.status == status)
            #expect(answer.text.contains(text), "\(answer.text)")
        }
    }

    @Test(arguments: [
        ("web", QueryKind.job, "web"),
        ("a/b/c", .job, "a/b/c"),
        ("a%2Fb", .job, "a/b"),
        ("a%20b+c", .job, "a b+c"),
        ("a/b/allocations", .jobAllocations, "a/b"),
        ("plan/summary", .jobSummary, "plan"),
        ("%e2%82%ac", .job, "€"),
    ])
    func jobIDs(path: String, kind: QueryKind, id: String) async throws {
        let servers = FakeServers()
        try await withAPI(servers: servers) { _ = try await $0.get("/v1/job/" + path) }
        let query = try #require(servers.received(Query.self).first)
        #expect(query.kind == kind)
        #expect(query.id == id)
    }

    @Test func readsCarryOptionsAndHeaders() async throws {
        let servers = FakeServers { _, _ in
            var reply = QueryReply()
            reply.index = 42
            reply.knownLeader = true
            reply.lastContact = .milliseconds(7)
            reply.nextToken = "more"
            reply.body = RawJSON(Array(#"[{"ID":"x","N":[1,2],"E":{}}]"#.utf8))
            return reply
        }
        try await withAPI(servers: servers) { client in
            var client = client
            client.token = "secret"
            let answer = try await client.get(
                "/v1/jobs?index=41&wait=2s&stale&prefix=we&per_page=5&next_token=t&filter=ID+%3D%3D+x&reverse=true&meta=true",
                query: [("namespace", "team"), ("region", "eu")])
            #expect(answer.text == #"[{"ID":"x","N":[1,2],"E":{}}]"#)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(answer.index == 42)
            #expect(answer.headers["x-nomad-knownleader"] == "true")
            #expect(answer.headers["x-nomad-lastcontact"] == "7")
            #expect(answer.nextToken == "more")
            let pretty = try await client.get("/v1/jobs?pretty")
            #expect(
                pretty.text == """
                    [
                        {
                            "ID": "x",
                            "N": [
                                1,
                                2
                            ],
                            "E": {}
                        }
                    ]

                    """)
        }
        let query = try #require(servers.received(Query.self).first)
        #expect(query.minIndex == 41 && query.wait == .seconds(2) && query.stale && query.prefix == "we")
        #expect(query.perPage == 5 && query.nextToken == "t" && query.filter == "ID == x" && query.reverse)
        #expect(query.options == ["meta": "true"])
        let context = try #require(servers.contexts.first)
        #expect(context.token == "secret" && context.namespace == "team" && context.region == "eu")
    }
}
