import ArgumentParser
import Model
import Testing

@testable import CLI
@testable import JobSpec

@Suite struct NamespaceOutputTests {
    private static let file = """
        name        = "team"
        description = "what the team may hold"
        limit {
          region = "global"
          region_limit {
            cpu        = 2000
            memory     = 4096
            memory_max = -1
          }
        }
        limit {
          region = "eu"
        }
        """

    private var quota: QuotaSpec {
        get throws { try SpecFile.quota(Array(Self.file.utf8), file: "team.hcl").hashed() }
    }

    @Test func quotaStatus() throws {
        let quota = try quota
        var usage = QuotaUsage()
        var used = quota.limits[0]
        used.regionLimit = QuotaResources()
        used.regionLimit.cpu = 500
        usage.used = [used.hash: used]
        #expect(
            NamespaceOutput.status(quota, usage) == """
                Name        = team
                Description = what the team may hold
                Limits      = 2

                Quota Limits
                Region  CPU Usage   Core Usage  Memory Usage  Memory Max Usage
                global  500 / 2000  0 / inf     0 / 4096      0 / 0
                eu      - / inf     - / inf     - / inf       - / inf
                """)
    }

    @Test func lists() throws {
        var namespace = Namespace()
        namespace.name = "team"
        #expect(NamespaceOutput.list([namespace]) == "Name  Description\nteam  <none>")
        let quota = try quota
        #expect(NamespaceOutput.list([quota]) == "Name  Description\nteam  what the team may hold")
        namespace.meta = ["a": "b"]
        #expect(NamespaceOutput.facts(namespace).hasSuffix("Quota       = <none>\n\nMetadata\na = b"))
    }

    @Test func namespaceFiles() throws {
        let text = #"name = "team" \#n quota = "small" \#n meta { owner = "x" }"#
        let namespace = try SpecFile.namespace(Array(text.utf8), file: "-")
        #expect(namespace.name == "team" && namespace.quota == "small" && namespace.meta == ["owner": "x"])
    }

    @Test(arguments: [
        ("nmae = \"x\"", "nmae"), ("limit {\n  region_limit { cpu = \"much\" }\n}", "cpu"), ("name = ", "team.hcl:1"),
    ])
    func faultsAreNamed(text: String, part: String) {
        let error = #expect(throws: (any Error).self) { try SpecFile.quota(Array(text.utf8), file: "team.hcl") }
        #expect("\(String(describing: error))".contains(part))
    }

    @Test func commandsAreThere() throws {
        for words in [
            ["quota", "apply", "-json", "x"], ["quota", "list"], ["quota", "status", "x"], ["quota", "inspect", "x"],
            ["quota", "delete", "x"], ["namespace", "apply", "-quota", "x", "-description", "d", "y"],
            ["namespace", "list"], ["namespace", "status", "x"], ["namespace", "inspect", "x"],
            ["namespace", "delete", "x"],
        ] {
            let parent: any ParsableCommand.Type = words[0] == "quota" ? QuotaCommand.self : NamespaceCommand.self
            #expect(throws: Never.self) { try parent.parseAsRoot(Array(words.dropFirst())) }
        }
    }
}
