import Basics
import Foundation
import HCL
import JobSpec
import Model
import Testing

@Suite struct JobFileTests {
    static func parse(_ text: String, _ inputs: JobInputs = JobInputs()) throws -> Job {
        try JobFile.parse(text, file: "job.hcl", inputs: inputs).job
    }

    /// The first message of a job file that is refused.
    static func refusal(_ text: String, _ inputs: JobInputs = JobInputs()) -> String? {
        do {
            _ = try JobFile.parse(text, file: "job.hcl", inputs: inputs)
            return nil
        } catch {
            return error.items.first { $0.severity == .error }?.description
        }
    }

    static func job(_ inside: String) -> String { "job \"j\" {\n\(inside)\n}\n" }
    static func task(_ inside: String) -> String { job("group \"g\" {\ntask \"t\" {\n\(inside)\n}\n}") }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Files")

    /// Each file of `Files/` gives the job in the `.txt` file beside it: one line a value, fields at their zero left
    /// out. `REWRITE=1` writes the files anew; read the difference before committing it.
    @Test(arguments: ["service", "batch", "periodic", "dynamic", "connect"])
    func goldenFile(name: String) throws {
        var inputs = JobInputs()
        inputs.flags = name == "dynamic" ? [("replicas", "2")] : []
        let source = try Data(contentsOf: Self.folder.appending(path: "\(name).nomad.hcl"))
        let job = try JobFile.parse(Array(source), file: "\(name).nomad.hcl", inputs: inputs).job
        let text = Self.lines(job) + "\n"
        let golden = Self.folder.appending(path: "\(name).txt")
        if ProcessInfo.processInfo.environment["REWRITE"] == "1" { try Data(text.utf8).write(to: golden) }
        #expect(try String(decoding: Data(contentsOf: golden), as: UTF8.self) == text)
    }

    static func lines(_ job: Job) -> String {
        var writer = JSONWriter()
        job.write(to: &writer)
        var lines: [String] = []
        func visit(_ path: String, _ value: JSON) {
            switch value {
            case .null, .bool(false), .integer(0), .string(""): break
            case .array(let items): for (index, item) in items.enumerated() { visit("\(path)[\(index)]", item) }
            case .object(let object):
                for (key, member) in object.members { visit(path.isEmpty ? key : "\(path).\(key)", member) }
            default: lines.append("\(path) = \(value.text)")
            }
        }
        visit("", (try? JSONParser.parse(writer.bytes)) ?? .null)
        return lines.joined(separator: "\n")
    }

    /// The place and the way out are in every message.
    @Test(arguments: [
        (
            job("prioritty = 3"),
            "job.hcl:2,1-10: Unsupported argument; \"prioritty\" is not known in block \"job\". Did you mean \"priority\"? Allowed: affinity, all_at_once, constraint, consul_namespace, datacenters, group, id, meta, migrate, multiregion, name, namespace, node_pool, parameterized, periodic, priority, region, reschedule, secret, spread, task, type, ui, update, vault, vault_namespace."
        ),
        (
            job("priority = \"high\""),
            "job.hcl:2,12-18: Incorrect value type; \"priority\" must be a whole number, but is string \"high\"."
        ),
        (
            job("datacenters = \"dc1\""),
            "job.hcl:2,15-20: Incorrect value type; \"datacenters\" must be a list of strings, but is string \"dc1\"."
        ),
        (
            job("update = {\n}"),
            "job.hcl:2,1-7: Unsupported argument; \"update\" is a block in block \"job\"; write update { … } without \"=\"."
        ),
        (
            job("type {\n}"),
            "job.hcl:2,1-5: Unsupported block; \"type\" is an argument in block \"job\"; write type = … instead of a block."
        ),
        (
            job("group {\n}"),
            "job.hcl:2,1-6: Missing block label; A \"group\" block needs its name: group \"name\" { … }."
        ),
        (job("update \"x\" {\n}"), "job.hcl:2,8-11: Extraneous label; A \"update\" block takes no label."),
        (
            job("update {\n}\nupdate {\n}"),
            "job.hcl:4,1-7: Duplicate block; Only one \"update\" block is allowed in block \"job\"."
        ),
        (
            task("kill_timeout = 5"),
            "job.hcl:4,16: Invalid duration; \"kill_timeout\" must be a duration such as \"30s\" or \"1h30m\", but is \"5\"."
        ),
        (
            task("kill_timeout = \"5 minutes\""),
            "job.hcl:4,16-27: Invalid duration; \"kill_timeout\" must be a duration such as \"30s\" or \"1h30m\", but is \"5 minutes\"."
        ),
        (task("env {\nA = [1]\n}"), "job.hcl:5,5-8: Incorrect value type; \"env.A\" must be a string, but is list."),
        (
            task("constraint {\ndistinct_hosts = false\n}"),
            "job.hcl:4,1-11: Invalid constraint; distinct_hosts should be set to true or omitted."
        ),
        (
            job("group \"g\" {\nnetwork {\nport \"a-b\" {\n}\n}\n}"),
            "job.hcl:4,1-11: Invalid port label; \"a-b\" must be letters, digits and underscores, as it becomes part of variable names."
        ),
        (
            "jobs \"x\" {\n}\n",
            "job.hcl:1,1-5: Unsupported block; \"jobs\" is not known in a job file. Did you mean \"job\"? Allowed: job, locals, variable, variables."
        ),
        (
            "",
            "job.hcl:1,1-1: Missing job block; A job file holds exactly one block job \"name\" { … }, but this has 0."
        ),
        (
            "job \"a\" {\n}\njob \"b\" {\n}\n",
            "job.hcl:3,1-8: Duplicate job block; A job file holds exactly one block job \"name\" { … }, but this has 2."
        ),
        (
            "locals {\na = local.b\nb = local.a\n}\njob \"j\" {\n}\n",
            "job.hcl:2,1: Circular reference; The local \"a\" needs its own value."
        ),
        (
            job("meta {\na = file(\"/etc/passwd\")\n}"),
            "job.hcl:3,5-24: Error in function call; Call to function \"file\" failed: It reads local files, which is only possible where the command line parses the file."
        ),
        (
            job("dynamic \"group\" {\nfor_each = [1]\ncontent {\n}\n}"),
            "job.hcl:2,1-16: Invalid dynamic block; A \"group\" block has 1 labels; give as many expressions in labels = […]."
        ),
        (
            job("dynamic \"grup\" {\nfor_each = [1]\ncontent {\n}\n}"),
            "job.hcl:2,1-15: Unsupported block; \"grup\" is not known in block \"job\". Did you mean \"group\"? Allowed: affinity, all_at_once, constraint, consul_namespace, datacenters, group, id, meta, migrate, multiregion, name, namespace, node_pool, parameterized, periodic, priority, region, reschedule, secret, spread, task, type, ui, update, vault, vault_namespace."
        ),
    ])
    func refuses(text: String, message: String) {
        #expect(Self.refusal(text) == message)
    }

    @Test func reportsAllFaultsAtOnce() {
        let text = Self.job("priority = \"x\"\nfoo = 1\ngroup \"g\" {\ncount = \"many\"\n}")
        let error = #expect(throws: Diagnostics.self) { try JobFile.parse(text) }
        #expect(error?.items.count == 3)
    }

    // MARK: Variables

    static let declared = """
        variable "text" {
          default = "from default"
        }
        variable "number" {
          type    = number
          default = 1
        }
        variable "list" {
          type    = list(string)
          default = []
        }
        job "j" {
          name     = var.text
          priority = var.number
          datacenters = var.list
        }
        """

    /// Later sources win: default, environment, files in order, flags.
    @Test(
        arguments: [
            ([:], [], [], "from default", 1, []),
            (["NOMAD_VAR_text": "env", "NOMAD_VAR_number": "2", "NOMAD_VAR_other": "x"], [], [], "env", 2, []),
            (["NOMAD_VAR_text": "nomad", "DROVER_VAR_text": "drover"], [], [], "drover", 1, []),
            (["NOMAD_VAR_text": "env"], ["text = \"f1\"\nlist = [\"a\"]", "text = \"f2\""], [], "f2", 1, ["a"]),
            (
                [:], ["text = \"f1\""], [("text", "flag=1"), ("number", "3"), ("list", "[\"x\", \"y\"]")], "flag=1", 3,
                ["x", "y"]
            ),
        ] as [([String: String], [String], [(String, String)], String, Int, [String])])
    func variablePrecedence(
        environment: [String: String], files: [String], flags: [(String, String)], name: String, priority: Int,
        datacenters: [String]
    ) throws {
        var inputs = JobInputs()
        inputs.environment = environment
        inputs.files = files.enumerated().map {
            JobInputs.File(name: "v\($0.offset).hcl", text: Array($0.element.utf8))
        }
        inputs.flags = flags
        let job = try Self.parse(Self.declared, inputs)
        #expect(job.name == name)
        #expect(job.priority == priority)
        #expect(job.datacenters == datacenters)
    }

    @Test func variableFilesMayBeJSON() throws {
        var inputs = JobInputs()
        inputs.files = [JobInputs.File(name: "v.json", text: Array(#"{"text": "${x}", "list": ["a"]}"#.utf8))]
        let job = try Self.parse(Self.declared, inputs)
        #expect(job.name == "${x}")
        #expect(job.datacenters == ["a"])
    }

    @Test(arguments: [
        ("number", "many", "-var number:1,1-5: Unknown variable; There is no \"many\" here."),
        (
            "number", "[1]",
            "Invalid value for variable; The value from -var number does not fit the variable \"number\": A number is required, but this is list."
        ),
        (
            "numbr", "1",
            "Undefined variable; The -var flag sets \"numbr\", which the job file does not declare. Did you mean \"number\"?"
        ),
        (
            "list", "[1",
            "-var list:1,3-3: Missing item separator; A \",\" or the \"]\" of the list is expected, but found the end of the file."
        ),
    ])
    func refusesFlag(name: String, value: String, message: String) {
        var inputs = JobInputs()
        inputs.flags = [(name, value)]
        #expect(Self.refusal(Self.declared, inputs) == message)
    }

    @Test func undeclaredNameInAFileIsAnErrorOnlyWhenStrict() throws {
        var inputs = JobInputs()
        inputs.files = [JobInputs.File(name: "v.hcl", text: Array("texts = 1\n".utf8))]
        #expect(
            Self.refusal(Self.declared, inputs)
                == "v.hcl:1,1-6: Undefined variable; The variable file sets \"texts\", which the job file does not declare. Did you mean \"text\"?"
        )
        inputs.isStrict = false
        #expect(try JobFile.parse(Self.declared, inputs: inputs).warnings.count == 1)
    }

    @Test func unsetAndInvalidVariablesAreRefused() {
        let text =
            "variable \"n\" {\ntype = number\nvalidation {\ncondition = var.n > 1\nerror_message = \"Too few.\"\n}\n}\njob \"j\" {\n}\n"
        #expect(Self.refusal(text)?.contains("The variable \"n\" has no default and must be set") == true)
        var inputs = JobInputs()
        inputs.flags = [("n", "1")]
        #expect(
            Self.refusal(text, inputs)
                == "job.hcl:1,1-13: Invalid value for variable; The variable \"n\" was refused: Too few.")
        inputs.flags = [("n", "2")]
        #expect(Self.refusal(text, inputs) == nil)
    }

    /// Ten thousand locals, each built from the one before, neither overflow the stack nor take quadratic time.
    @Test func longChainsOfLocalsAreSafe() {
        let chain = (1..<10_000).map { "l\($0) = [local.l\($0 - 1)]" }.joined(separator: "\n")
        #expect(Self.refusal("locals {\nl0 = 1\n\(chain)\n}\njob \"j\" {\n}\n")?.contains("nested too deep") == true)
        let flat = (1..<10_000).map { "l\($0) = local.l\($0 - 1) + 1" }.joined(separator: "\n")
        #expect(Self.refusal("locals {\nl0 = 1\n\(flat)\n}\njob \"j\" {\npriority = local.l9999\n}\n") == nil)
    }
}
