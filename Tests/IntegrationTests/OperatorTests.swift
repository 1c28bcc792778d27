import Basics
import Foundation
import TestSupport
import Testing

/// What operators do to a cluster of real servers.
@Suite struct OperatorTests {
    private static func names(_ server: AgentProcess) -> Set<String> {
        let list = (try? server.http.getJSON("/v1/namespaces?stale").array) ?? []
        return Set(list.compactMap { $0["Name"]?.string }).subtracting(["default"])
    }

    private static func write(_ name: String, to server: AgentProcess) throws {
        let answer = try server.http.put("/v1/namespace", .object([("Name", .string(name))]))
        #expect(answer.status == 200, "\(answer)")
    }

    @Test func aStateIsSavedAndRestored() throws {
        let servers = try ClusterTests.Servers()
        try servers.waitUntilFormed()
        let first = servers.all[0]
        let folder = try TemporaryFolder("snapshots")
        try first.register(Jobs.shell("web", "sleep 1000"))
        try Self.write("saved", to: first)
        let file = folder.path + "/one.snap"
        let save = try servers.all[1].drover("operator", "snapshot", "save", file)
        #expect(save.code == 0 && save.output.contains("State file written to \(file)"), "\(save.output)")
        let again = try first.drover("operator", "snapshot", "save", file)
        #expect(again.code == 1 && again.output.contains("is there already"), "\(again.output)")
        let inspect = try first.drover("operator", "snapshot", "inspect", file)
        #expect(inspect.code == 0 && inspect.output.contains("Redacted  = false"), "\(inspect.output)")
        let state = try first.drover("operator", "snapshot", "state", "-filter", "ID == \"web\"", file)
        let jobs = try JSONParser.parse(Array(state.output.utf8))["Jobs"]?.array ?? []
        #expect(jobs.map { $0["ID"]?.string } == ["web"], "\(state.output.prefix(2_000))")

        try Self.write("undone", to: first)
        try Data("not an archive".utf8).write(to: URL(filePath: folder.path + "/bad.snap"))
        let bad = try first.drover("operator", "snapshot", "restore", folder.path + "/bad.snap")
        #expect(bad.code == 1 && bad.output.contains("no gzip file"), "\(bad.output)")
        let restore = try servers.all[2].drover("operator", "snapshot", "restore", file)
        #expect(restore.code == 0 && restore.output.contains("restored"), "\(restore.output)")
        for server in servers.all {
            try eventually("the saved state is there", details: { servers.log }) { Self.names(server) == ["saved"] }
        }
        // It is in every log: all servers come back with it.
        for server in servers.all { server.kill() }
        for server in servers.all { try servers.start(server) }
        try servers.waitUntilFormed()
        for server in servers.all {
            try eventually("it survives", details: { servers.log }) { Self.names(server) == ["saved"] }
        }
        try Self.write("after", to: servers.all[1])

        for _ in 0..<3 {
            let agent = try first.drover(
                "operator", "snapshot", "agent", "-interval", "0", "-retain", "2", "-path", folder.path, "-prefix", "d")
            #expect(agent.code == 0, "\(agent.output)")
            usleep(1_100_000)
        }
        let kept = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("d-") }
        #expect(kept.count == 2, "\(kept)")
        let redact = try first.drover("operator", "snapshot", "redact", file)
        #expect(redact.code == 0, "\(redact.output)")
        let refused = try first.drover("operator", "snapshot", "restore", file)
        #expect(refused.code == 1 && refused.output.contains("redacted"), "\(refused.output)")
    }
}
