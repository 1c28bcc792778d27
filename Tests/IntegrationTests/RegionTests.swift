import Basics
import Foundation
import Synchronization
import TestSupport
import Testing

/// Two regions as real processes: each a server with a client, in one gossip pool.
@Suite struct RegionTests {
    private static func agent(_ region: String) throws -> AgentProcess {
        try AgentProcess(
            [
                "-server", "-client", "-node", "n-\(region)", "-region", region, "-bind", "127.0.0.1",
                "-bootstrap-expect",
                "1",
            ], configuration: "plugin \"raw_exec\" {\n  config {\n    enabled = true\n  }\n}\n")
    }

    @Test func requestsReachTheRegionTheyName() throws {
        let (a, b) = (try Self.agent("a"), try Self.agent("b"))
        for agent in [a, b] { try agent.start() }
        for agent in [a, b] { try agent.waitUntilReady() }
        let early = try a.http.get("/v1/jobs?region=b")
        #expect(early.status == 500 && early.text.hasPrefix("No path to region \"b\""), "\(early.status) \(early.text)")
        let joined = try a.drover("server", "join", b.gossip)
        #expect(joined.code == 0, "\(joined.output)")
        for agent in [a, b] {
            try eventually("both regions are known", details: { agent.log }) {
                try agent.http.getJSON("/v1/regions") == .array([.string("a"), .string("b")])
            }
        }
        for agent in [a, b] {
            #expect(try agent.http.get("/v1/agent/health").status == 200)
            let name = try agent.http.getJSON("/v1/agent/self")["member"]?["Name"]?.string
            #expect(name == (agent === a ? "n-a.a" : "n-b.b"))
        }
        let members = try a.drover("server", "members")
        #expect(members.output.split(separator: "\n").count { $0.contains("true") } == 2, "\(members.output)")

        // A job from a's agent, in b; a read that waits for it there.
        let before = try a.http.get("/v1/jobs?region=b").index
        let reader = WaitingRead(a.httpPort, "/v1/jobs?region=b&wait=20s&index=\(before)")
        try a.folder.write(
            "job.nomad.hcl",
            """
            job "there" {
              group "g" {
                task "t" {
                  driver = "raw_exec"
                  config {
                    command = "/bin/sleep"
                    args = ["1000"]
                  }
                  resources {
                    cpu = 10
                    memory = 10
                  }
                }
              }
            }
            """)
        let run = try a.drover("job", "run", "-detach", "-region", "b", a.folder.path + "/job.nomad.hcl")
        #expect(run.code == 0, "\(run.output)")
        try b.wait("there", "running")
        try eventually("the waiting read has ended") { reader.index > before }
        #expect(try a.http.get("/v1/job/there").status == 404)
        let there = try a.http.getJSON("/v1/job/there?region=b")
        #expect(there["Region"]?.string == "b" && there["Status"]?.string == "running", "\(there)")
        #expect(try a.http.getJSON("/v1/nodes?region=b").array?.first?["Name"]?.string == "n-b")
        // A command inside its task, over a relay of b's server.
        let line = ["/bin/sh", "-c", "echo $NOMAD_REGION; exit 4"]
        let said = try a.drover(["alloc", "exec", "-region", "b", "-i=false", "-job", "there"] + line)
        #expect(said.code == 4 && said.output == "b\n", "\(said)")
        let placed = try a.http.getJSON("/v1/job/there/allocations?region=b").array?.first?["ID"]?.string ?? ""
        let listed = try a.drover("alloc", "fs", "-region", "b", placed, "t")
        #expect(listed.code == 0 && listed.output.contains("local/"), "\(listed)")
        let stop = try a.drover("job", "stop", "-detach", "-region", "b", "there")
        #expect(stop.code == 0, "\(stop.output)")
        try b.wait("there", "complete")

        // Cut off, each goes on by itself.
        b.kill()
        try eventually("b is found dead", seconds: 30) { try a.member("n-b.b")?["Status"]?.string == "failed" }
        let gone = try a.http.get("/v1/jobs?region=b")
        #expect(gone.status == 500 && gone.text.contains("regions known here: a"), "\(gone.status) \(gone.text)")
        try a.register(Jobs.shell("here", "sleep 1000"))
        try a.wait("here", "running")
        try a.stop("here")
        try a.wait("here", "complete")
        let unknown = try a.drover("job", "status", "-region", "nowhere")
        #expect(unknown.code == 1 && unknown.output.contains("No path to region \"nowhere\""), "\(unknown.output)")
        try b.start()
        try b.waitUntilReady()
        try eventually("b is back by itself", seconds: 30) { try a.http.get("/v1/jobs?region=b").status == 200 }
    }
}

/// A blocking query on a thread of its own.
private final class WaitingRead: Sendable {
    private let answered = Mutex<UInt64>(0)

    init(_ port: Int, _ path: String) {
        Thread {
            let answer = try? HTTPConnection(port: port).get(path)
            self.answered.withLock { $0 = answer?.index ?? 0 }
        }.start()
    }

    /// The answer's index; 0 while there is none.
    var index: UInt64 { answered.withLock { $0 } }
}
