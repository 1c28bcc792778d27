import Basics
import Foundation
import TestSupport
import Testing

/// A real server that keeps variables, and the command line that a user has for them.
@Suite struct VariableTests {
    private static let secret = "hunter2-in-the-clear"

    private static func server() throws -> AgentProcess {
        let server = try AgentProcess(["-server", "-bootstrap-expect", "1", "-node", "s1", "-bind", "127.0.0.1"])
        try server.start()
        try waitForLeader(server)
        return server
    }

    private static func waitForLeader(_ server: AgentProcess) throws {
        try eventually("it leads", seconds: 30, details: { server.log }) {
            (try? server.http.get("/v1/vars"))?.status == 200
        }
    }

    /// All files below a folder that have these bytes in them.
    private static func files(below folder: String, with text: String) throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
        return names.filter { name in
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { return false }
            return data.range(of: Data(text.utf8)) != nil
        }
    }

    @Test func valuesAreEncryptedOnDiskAndSurvive() throws {
        let server = try Self.server()
        let put = try server.drover("var", "put", "-out", "table", "secret/db", "user=me", "password=\(Self.secret)")
        #expect(put.code == 0 && put.output.hasPrefix("Successfully created variable \"secret/db\"!"), "\(put.output)")
        let data = server.folder.path + "/data"
        #expect(try !Self.files(below: data, with: "secret/db").isEmpty, "the path is in the log")
        #expect(try Self.files(below: data, with: Self.secret) == [])
        #expect(try Self.files(below: data, with: "password") == [])
        let keystore = data + "/server/keystore"
        let keys = try FileManager.default.contentsOfDirectory(atPath: keystore)
        let mode = try FileManager.default.attributesOfItem(atPath: "\(keystore)/\(keys[0])")[.posixPermissions]
        #expect(keys.count == 1 && mode as? Int == 0o600)

        server.kill()
        try server.start()
        try Self.waitForLeader(server)
        let get = try server.drover("var", "get", "-item", "password", "secret/db")
        #expect(get.code == 0 && get.output == Self.secret)

        let rotation = try server.drover("operator", "root", "keyring", "rotate", "-full", "-verbose")
        #expect(rotation.code == 0 && rotation.output.contains("active"), "\(rotation.output)")
        let old = String(keys[0].dropLast(".json".count))
        try eventually("all is encrypted anew", details: { server.log }) {
            let list = try server.drover("operator", "root", "keyring", "list", "-verbose")
            return list.output.split(separator: "\n").contains { $0.contains(old) && $0.contains("deprecated") }
        }
        // A server removes the files of keys that it has seen in the state, which it looks at once a second.
        usleep(2_500_000)
        let removal = try server.drover("operator", "root", "keyring", "remove", old)
        #expect(removal.code == 0 && removal.output.contains("Removed encryption key \(old)"), "\(removal.output)")
        try eventually("its file is gone") { !FileManager.default.fileExists(atPath: "\(keystore)/\(keys[0])") }
        #expect(try server.drover("var", "get", "-item", "password", "secret/db").output == Self.secret)

        // Without the key nobody reads it, and the error says what is missing.
        server.kill()
        try FileManager.default.removeItem(atPath: keystore)
        try server.start()
        try Self.waitForLeader(server)
        let lost = try server.drover("var", "get", "secret/db")
        #expect(lost.code == 1 && lost.output.contains("in its keystore"), "\(lost.output)")
    }

    @Test func theCommandLine() throws {
        let server = try Self.server()
        func run(_ words: String...) throws -> (code: Int32, output: String) { try server.drover(words) }
        #expect(try run("var", "list", "-out", "table").output == "No variables found\n")
        let json = try run("var", "put", "app/web", "color=blue")
        let stored = try JSONParser.parse(Array(json.output.utf8))
        #expect(json.code == 0 && stored["Items"]?["color"]?.string == "blue" && stored["Lock"] == nil)
        let index = try #require(stored["ModifyIndex"]?.integer)

        let conflict = try run("var", "put", "-check-index", "\(index + 1)", "app/web", "color=red")
        #expect(conflict.code == 1 && conflict.output.contains("check index of variable \"app/web\""))
        #expect(conflict.output.contains("is \(index), not \(index + 1)"), "\(conflict.output)")
        let absent = try run("var", "put", "-check-index", "5", "app/none", "a=b")
        #expect(absent.code == 1 && absent.output.contains("there is no variable \"app/none\""))

        // What var get writes var put reads, and the index in it is checked.
        for form in ["hcl", "json"] {
            let file = "\(server.folder.path)/spec.\(form)"
            let text = try run("var", "get", "-out", form, "app/web").output
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let update = try run("var", "put", "-out", "none", "-verbose", "@\(file)", "size=${big} \"x\"\n")
            #expect(update.code == 0 && update.output.contains("Successfully updated"), "\(update.output)")
            let stale = try run("var", "put", "@\(file)", "size=1")
            #expect(stale.code == 1 && stale.output.contains("Check-and-set conflict"), "\(stale.output)")
            #expect(try run("var", "put", "-force", "@\(file)", "size=${big} \"x\"\n").code == 0)
            #expect(try run("var", "get", "-item", "size", "app/web").output == "${big} \"x\"\n")
            #expect(try run("var", "get", "-item", "color", "app/web").output == "blue")
        }
        #expect(try run("var", "put", "-in", "hcl", "app/web", "noitem").code == 1)
        #expect(try run("var", "put", "nomad/x", "a=b").output.contains("reserved path"))
        _ = try run("namespace", "apply", "team")
        #expect(try run("var", "put", "-namespace", "team", "app/db", "a=b").code == 0)
        let list = try run("var", "list", "-namespace", "*", "-out", "table", "app/")
        #expect(
            list.output.split(separator: "\n").map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
                == ["Namespace Path", "default app/web", "team app/db"])
        #expect(try run("var", "list", "-out", "terse").output == "app/web\n")
        let missing = try run("var", "get", "app/none")
        #expect(missing.code == 1 && missing.output.contains("Variable not found"))
        #expect(try run("var", "purge", "-check-index", "1", "app/web").code == 1)
        #expect(try run("var", "purge", "app/web").output == "Successfully purged variable \"app/web\"!\n")
        #expect(try run("var", "get", "app/web").code == 1)

        let example = server.folder.path + "/example.nv.hcl"
        #expect(try run("var", "init", example).output.contains("written to \(example)"))
        #expect(try run("var", "init", example).code == 1, "it is there already")
        #expect(try run("var", "put", "@\(example)").code == 0)
        #expect(try run("var", "get", "-item", "key2", "path/to/variable").output == "value 2")
    }

    @Test func aCommandRunsWhileTheLockIsHeld() throws {
        let server = try Self.server()
        let lock = try server.drover(["var", "lock", "-verbose", "leader", "echo held by $NOMAD_VARLOCK_HELD; exit 7"])
        #expect(lock.code == 7 && lock.output.contains("held by true"), "\(lock.output)")
        #expect(try server.http.getJSON("/v1/var/leader")["Lock"]?.isNull == true, "it was given back")

        var body = try server.http.request("PUT", "/v1/var/leader?lock-acquire", Array("{}".utf8))
        let id = try #require(try body.json()["Lock"]?["ID"]?.string)
        #expect(try body.status == 200 && body.json()["Lock"]?["TTL"]?.string == "15s")
        let refused = try server.drover(["var", "lock", "-early-return", "leader", "true"])
        #expect(refused.code == 1 && refused.output.contains("Somebody else holds the lock"), "\(refused.output)")
        let other = JSON.object([("Items", .object([("a", .string("b"))]))])
        #expect(try server.http.put("/v1/var/leader", other).status == 409)
        #expect(try server.drover(["var", "put", "leader", "a=b"]).output.contains("Lock conflict"))
        #expect(try server.http.request("DELETE", "/v1/var/leader").status == 409)
        let holder = JSON.object([("Lock", .object([("ID", .string(id))])), ("Items", other["Items"] ?? .null)])
        #expect(try server.http.put("/v1/var/leader", holder).status == 200)
        #expect(try server.http.put("/v1/var/leader?lock-renew", holder).status == 200)
        body = try server.http.put("/v1/var/leader?lock-release", holder)
        #expect(try body.status == 200 && body.json()["Items"]?["a"]?.string == "b")
        #expect(try server.http.put("/v1/var/leader?lock-renew", holder).status == 409)
    }

    @Test func aReaderWaitsForItsVariable() throws {
        let server = try Self.server()
        let first = try server.http.put("/v1/var/a", .object([("Items", .object([("n", .string("1"))]))]))
        let (index, port) = (first.index, server.httpPort)
        // Another variable does not end the wait.
        for (path, value) in [("b", "9"), ("a", "2")] {
            Thread.detachNewThread {
                usleep(path == "a" ? 900_000 : 300_000)
                _ = try? HTTPConnection(port: port).put(
                    "/v1/var/\(path)", .object([("Items", .object([("n", .string(value))]))]))
            }
        }
        let start = ContinuousClock.now
        let answer = try server.http.get("/v1/var/a?index=\(index)&wait=20s")
        #expect(try answer.json()["Items"]?["n"]?.string == "2" && answer.index > index)
        #expect(ContinuousClock.now - start >= .milliseconds(600))
    }
}
