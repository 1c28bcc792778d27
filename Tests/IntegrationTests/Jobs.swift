import Basics
import TestSupport

/// Jobs as the API takes them.
enum Jobs {
    /// A job of one group with one task that runs a shell line, under `raw_exec` or another driver that takes a command; `config`
    /// is what that one wants besides.
    static func shell(
        _ id: String, _ line: String, driver: String = "raw_exec", config: [(String, JSON)] = [],
        type: String = "service", count: Int = 1, killTimeoutMS: Int = 500, restart: JSON = .null,
        disconnect: JSON = .null
    ) -> JSON {
        let command: [(String, JSON)] = [
            ("command", .string("/bin/sh")), ("args", .array([.string("-c"), .string(line)])),
        ]
        return task(
            id, type: type, count: count, restart: restart, disconnect: disconnect,
            .object([
                ("Name", .string("main")), ("Driver", .string(driver)),
                ("KillTimeout", .integer(Int64(killTimeoutMS) * 1_000_000)),
                ("Config", .object(JSONObject(command + config))),
                ("Resources", .object([("CPU", .integer(10)), ("MemoryMB", .integer(10))])),
            ]))
    }

    /// A job of one group with the given tasks; `network` is the mode of the group's, where it has one.
    static func task(
        _ id: String, type: String = "service", count: Int = 1, restart: JSON = .null, disconnect: JSON = .null,
        network: String? = nil, _ tasks: JSON...
    ) -> JSON {
        .object([
            (
                "Job",
                .object([
                    ("ID", .string(id)), ("Name", .string(id)), ("Type", .string(type)),
                    (
                        "TaskGroups",
                        .array([
                            .object([
                                ("Name", .string("group")), ("Count", .integer(Int64(count))),
                                ("RestartPolicy", restart), ("Disconnect", disconnect),
                                ("Networks", .array(network.map { [.object([("Mode", .string($0))])] } ?? [])),
                                ("Tasks", .array(tasks)),
                            ])
                        ])
                    ),
                ])
            )
        ])
    }

    /// A restart policy that gives up at once.
    static let noRestart = JSON.object([
        ("Attempts", .integer(0)), ("Mode", .string("fail")), ("Interval", .integer(60_000_000_000)),
        ("Delay", .integer(1_000_000_000)),
    ])
}

extension AgentProcess {
    /// Registers a job; fails the test on any answer but 200.
    @discardableResult
    func register(_ job: JSON) throws -> JSON {
        let response = try http.put("/v1/jobs", job)
        guard response.status == 200 else {
            throw NeverHappened(description: "register: \(response.status) \(response.text)")
        }
        return try response.json()
    }

    func allocations(_ job: String) throws -> [JSON] {
        try http.getJSON("/v1/job/\(job)/allocations").array ?? []
    }

    /// Waits until the job has exactly `count` allocations with that client status.
    func wait(_ job: String, _ status: String, count: Int = 1, seconds: Double = 20) throws {
        try eventually(
            "\(count) allocations of \(job) are \(status)", seconds: seconds, details: { self.describe(job) }
        ) {
            try self.allocations(job).filter { $0["ClientStatus"] == .string(status) }.count == count
        }
    }

    func describe(_ job: String) -> String {
        let allocations = (try? http.get("/v1/job/\(job)/allocations").text) ?? "no answer"
        let evaluations = (try? http.get("/v1/job/\(job)/evaluations").text) ?? "no answer"
        return "allocations: \(allocations)\nevaluations: \(evaluations)\nlog:\n\(log.suffix(6000))"
    }

    /// The output of a task, from the start.
    func logs(_ allocation: JSON, task: String = "main", type: String = "stdout") throws -> String {
        let id = allocation["ID"]?.string ?? ""
        return try http.get("/v1/client/fs/logs/\(id)?task=\(task)&type=\(type)&plain=true").text
    }

    /// The command line against this agent.
    func drover(_ arguments: String...) throws -> (code: Int32, output: String) { try drover(arguments) }

    func drover(_ arguments: [String]) throws -> (code: Int32, output: String) {
        try Binaries.run(
            "drover", arguments,
            environment: ["DROVER_ADDR": "http://127.0.0.1:\(httpPort)", "DROVER_CLI_NO_COLOR": "1", "COLUMNS": "200"])
    }
}
