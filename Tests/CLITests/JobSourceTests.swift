import ArgumentParser
import Glibc
import Model
import Testing

@testable import CLI

func unlinkFile(_ path: String) { unlink(path) }

@Suite("Job files")
struct JobSourceTests {
    /// A file that is gone once `body` returns.
    private func withFile(_ text: String, body: (String) throws -> Void) throws {
        let path = "/tmp/drover-cli-\(UInt64.random(in: 0...UInt64.max)).hcl"
        try LocalFile.create(path, text, what: "File")
        defer { unlinkFile(path) }
        try body(path)
    }

    static let job = """
        variable "count" { default = 1 }
        job "web" {
          group "g" {
            count = var.count
            task "t" {
              driver = "raw_exec"
              config { command = "true" }
            }
          }
        }
        """

    @Test func flagsFillVariables() throws {
        try withFile(JobSourceTests.job) { path in
            #expect(try JobSource.parse([path]).read().job.taskGroups.first?.count == 1)
            #expect(try JobSource.parse(["-var", "count=4", path]).read().job.taskGroups.first?.count == 4)
            try withFile("count = 6") { file in
                let job = try JobSource.parse(["-var-file", file, path]).read().job
                #expect(job.taskGroups.first?.count == 6)
            }
        }
    }

    @Test func jsonJobs() throws {
        let texts = [
            #"{"Job": {"ID": "j"}}"#, #"{"ID": "j"}"#, #"{"job": {"id": "j", "NomadTokenID": ""}, "Submission": {}}"#,
            #"{"ID": "j", "TaskGroups": [{"Tasks": [{"Config": {"any": {"thing": 1}}, "Env": {"A": "b"}}]}]}"#,
        ]
        for text in texts {
            try withFile(text) { path in
                let job = try JobSource.parse(["-json", path]).read().job
                #expect(job.id == "j")
            }
        }
    }

    @Test func filesCanBeIncluded() throws {
        try withFile("from a file") { included in
            try withFile(#"job "web" { meta { note = file("\#(included)") } }"#) { path in
                let job = try JobSource.parse([path]).read().job
                #expect(job.meta["note"] == "from a file")
            }
        }
    }

    @Test(arguments: [
        ("job \"a\" {", [], "line 1"),
        ("job \"a\" { prioriti = 5 }", [], "prioriti"),
        ("job \"a\" {}", ["-var", "x"], "must have the form name=value"),
        ("job \"a\" {}", ["-var", "x=1"], "does not declare"),
        ("{", ["-json"], "invalid JSON at line 1"),
        ("\n {\"ID\": \"j\"}", [], "is JSON, but without -json a job file is HCL: repeat the command with -json"),
        ("{\"ID\": \"j\",\n \"Prioriti\": 5}", ["-json"], ".hcl:2,2-12: unknown key Prioriti"),
        (
            "{\"job\": {\"id\": \"j\", \"TaskGroups\": [\n{\"Name\": \"g\"},\n{\"Tasks\": [{\n\"Drivr\": 1}]}]}}",
            ["-json"],
            ".hcl:4,1-8: unknown key job.TaskGroups[1].Tasks[0].Drivr"
        ),
        ("{\"Job\": {\"ID\": \"j\"}, \"Jobs\": 1}", ["-json"], ".hcl:1,22-28: unknown key Jobs"),
        ("job \"a\" { meta { x = file(\"/nonexistent/x\") } }", [], "cannot open /nonexistent/x"),
        ("job \"a\u{0}\" {}", [], "NUL"),
    ])
    func faultsAreNamed(text: String, options: [String], message: String) throws {
        try withFile(text) { path in
            let error = #expect(throws: CommandError.self) { try JobSource.parse(options + [path]).read() }
            #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
        }
    }

    /// Servers know no files; the command line puts the line in front of what they say of a `config`.
    @Test func faultsInConfigsGetTheirLine() throws {
        try withFile(JobSourceTests.job.replacing("command = \"true\"", with: "comand = \"true\"")) { path in
            let read = try JobSource.parse([path]).read()
            let fault = ConfigurationFault(
                group: "g", task: "t", driver: "raw_exec", key: "comand", reason: "unknown key; allowed: args, command")
            let told = read.located("2 errors occurred:\n\t* \(fault)\n\t* priority too high\n")
            #expect(told == "2 errors occurred:\n\t* \(path):7,16-22: \(fault)\n\t* priority too high\n")
        }
    }

    @Test func absentFilesAreNamed() {
        let error = #expect(throws: CommandError.self) { try JobSource.parse(["/nonexistent/job.hcl"]).read() }
        #expect(error?.message == "cannot open /nonexistent/job.hcl: No such file or directory")
    }
}
