import ArgumentParser
import Model
import Testing

@testable import CLI
@testable import JobSpec

@Suite struct NodePoolOutputTests {
    private static let file = """
        node_pool "gpu" {
          description = "machines with accelerators"
          meta { owner = "team" }
          scheduler_config {
            scheduler_algorithm = "spread"
          }
        }
        """

    @Test func facts() throws {
        let pool = try SpecFile.nodePool(Array(Self.file.utf8), file: "gpu.hcl")
        #expect(
            NodePoolOutput.facts(pool) == """
                Name        = gpu
                Description = machines with accelerators

                Metadata
                owner = team

                Scheduler Configuration
                Scheduler Algorithm             = spread
                Memory Oversubscription Enabled = <none>
                """)
        #expect(NodePoolOutput.list([pool]) == "Name  Description\ngpu   machines with accelerators")
    }

    @Test(arguments: ["", Self.file + "\n" + Self.file, "node_pool \"x\" { bogus = 1 }"])
    func faults(text: String) {
        #expect(throws: (any Error).self) { try SpecFile.nodePool(Array(text.utf8), file: "gpu.hcl") }
    }

    @Test(arguments: ["apply x", "list", "info x", "nodes x", "jobs x", "delete x"])
    func commandsAreThere(line: String) {
        let words = ["pool"] + line.split(separator: " ").map(String.init)
        #expect(throws: Never.self) { try NodeCommand.parseAsRoot(words) }
    }
}
