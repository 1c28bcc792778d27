import Basics
import Foundation
import TestSupport
import Testing

/// A client behind a router that translates addresses does all that any client does, and is never dialled.
@Suite(.enabled(if: HomeNetwork.obstacle == nil, "\(HomeNetwork.obstacle ?? "")")) struct NATTests {
    private static let line = """
        trap 'echo hup' HUP; echo ready; while :; do sleep 0.05; done
        """

    private func servers(at address: String) throws -> ServerGroup {
        try ServerGroup(3, configuration: "addresses {\n  rpc = \"\(address)\"\n}\n")
    }

    private func client(in network: HomeNetwork, of group: ServerGroup) throws -> AgentProcess {
        let client = try AgentProcess(
            ["-client", "-node", "home", "-bind", network.inside]
                + group.servers.flatMap { ["-servers", "\(network.outside):\($0.rpcPort)"] },
            configuration: "plugin \"raw_exec\" {\n  config {\n    enabled = true\n  }\n}\n")
        try client.start(through: network.launcher)
        return client
    }

    @Test func aClientBehindARouterDoesAllThatClientsDo() throws {
        let network = try HomeNetwork()
        let group = try servers(at: network.outside)
        let client = try client(in: network, of: group)
        let log = { "\(client.log.suffix(4_000))\n\(group.log)" }
        try eventually("the client is ready", seconds: 60, details: log) {
            let nodes = try group.servers[0].http.getJSON("/v1/nodes").array ?? []
            return nodes.count == 1 && nodes[0]["Status"] == .string("ready")
        }
        // What would be counted if a server dialled: nobody gets through.
        let knock = HTTPConnection(port: client.httpPort, host: network.inside, timeout: .seconds(1), repeats: false)
        #expect(throws: HTTPConnection.Failure.self) { try knock.get("/v1/agent/self") }
        let attempts = try network.attempts()
        #expect(attempts > 0, "the router counts who dials in")

        try group.servers[0].register(Jobs.shell("job", Self.line))
        try group.servers[0].wait("job", "running")
        let allocation = try #require(try group.servers[0].allocations("job").first)
        let id = allocation["ID"]?.string ?? ""
        for server in group.servers {
            try eventually("its output is read", details: log) { try server.logs(allocation).hasPrefix("ready\n") }
            let session = try ExecSession(server, job: "job", ["/bin/sh", "-c", "read x; echo got $x; exit 7"])
            try session.type("word\n")
            try session.says("got word")
            #expect(try session.wait() == 7)
            let before = try server.logs(allocation).count
            let signal: JSON = .object([("Signal", .string("SIGHUP")), ("Task", .string("main"))])
            #expect(try server.http.put("/v1/client/allocation/\(id)/signal", signal).status == 200)
            try eventually("the task has heard", details: log) { try server.logs(allocation).count > before }
        }
        // The server that the client has its watch at may be this one: it goes on with another.
        group.servers[2].kill()
        try eventually("a second job runs", seconds: 60, details: log) {
            (try? group.servers[0].http.put("/v1/jobs", Jobs.shell("later", Self.line)).status) == 200
        }
        try group.servers[0].wait("later", "running", seconds: 60)
        for job in ["job", "later"] {
            try group.servers[0].stop(job)
            try group.servers[0].wait(job, "complete", seconds: 60)
        }
        #expect(try network.attempts() == attempts && client.pid > 0, "no server has dialled the client")
    }
}
