import Testing

@testable import TraceSimulation

/// Trace files, good and bad.
@Suite struct ReadingTests {
    static let nodes = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,T4\nn1,8000,4096,0,\n"
    static let tasks = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\na,4000,1024,1,500,T4|G2\nb,1000,64,0,0,\n"

    @Test func aTraceIsReadByItsColumns() throws {
        let trace = try Self.openB(Self.nodes, Self.tasks)
        #expect(trace.nodes.map(\.deviceCount) == [2, 0])
        #expect(trace.nodes[0].deviceModel == "T4")
        #expect(
            trace.shapes == [
                .init(cpu: 4_000, memoryMiB: 1_024, deviceCount: 1, deviceShare: 500, models: ["G2", "T4"]),
                .init(cpu: 1_000, memoryMiB: 64, deviceCount: 0, deviceShare: 0, models: []),
            ])
        let moved = "gpu_milli,num_gpu,memory_mib,name,cpu_milli\n1000,2,5,c,7\n"
        #expect(try Self.openB(Self.nodes, moved).shape(0).deviceCount == 2)
    }

    @Test(arguments: [
        ("", tasks, "nodes: empty; its first line names the columns"),
        ("sn,cpu_milli,memory_mib,gpu,model\n", tasks, "nodes: no nodes"),
        ("sn,sn\n", tasks, "nodes:1: two columns have one name"),
        ("sn,cpu_milli,memory_mib,gpu\nn,1,1,1\n", tasks, "nodes:2: there is no column \"model\""),
        ("sn,cpu_milli,memory_mib,gpu,model\nn,1,1,1\n", tasks, "nodes:2: 4 fields under 5 columns"),
        (
            "sn,cpu_milli,memory_mib,gpu,model\nn,1,1,65,T4\n", tasks,
            "nodes:2: gpu is \"65\", not a whole number from 0 to 64"
        ),
        ("sn,cpu_milli,memory_mib,gpu,model\n\n\"n\",1,1,1,T4\n", tasks, "nodes:3: quoted fields are not read"),
        (
            nodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,-1,1,0,0\n",
            "tasks:2: cpu_milli is \"-1\", not a whole number from 0 to 1099511627776"
        ),
        (
            nodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,1,1,1001\n",
            "tasks:2: gpu_milli is \"1001\", not a whole number from 0 to 1000"
        ),
        (
            nodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,1,1,0\n",
            "tasks:2: num_gpu is 1 and gpu_milli 0"
        ),
    ])
    func badCSVSaysWhere(nodes: String, tasks: String, message: String) {
        #expect(throws: TraceError(message)) { try Self.openB(nodes, tasks) }
    }

    @Test func bytesThatAreNoTextAreRefused() {
        let bytes = Array("sn,cpu_milli,memory_mib,gpu,model\n".utf8) + [0xff, 0xfe] + Array(",1,1,1,T4\n".utf8)
        #expect(throws: TraceError("nodes:2: sn is not UTF-8")) {
            try OpenBReader.trace(nodes: bytes, nodesFile: "nodes", tasks: Array(Self.tasks.utf8), tasksFile: "tasks")
        }
    }

    @Test func ourOwnFormHasMoments() throws {
        let trace = try Self.lines(
            #"{"node":{"name":"n","cpu":8000,"memory":1024,"devices":{"count":1,"model":"T4"}}}"#,
            #"{"task":{"name":"late","cpu":1,"memory":1,"arrival":9}}"#,
            #"{"task":{"name":"early","cpu":1,"memory":1,"devices":{"count":1,"models":["T4"]},"departure":9}}"#)
        #expect(trace.shape(1).deviceShare == 1_000)
        #expect(trace.timedEvents() == [.arrival(task: 1), .departure(arrival: 0), .arrival(task: 0)])
    }

    @Test(arguments: [
        ("{", "t:1: column 2: expected a key in quotes"),
        ("[]", "t:1: line: expected an object of [\"node\", \"task\"]"),
        (#"{"pod":{}}"#, "t:1: line: unknown member \"pod\""),
        (#"{"node":{"cpu":1}}"#, "t:1: node: name is missing or no string"),
        (
            #"{"task":{"name":"a","cpu":1.5,"memory":1}}"#,
            "t:1: task: cpu is missing or no whole number from 0 to 1099511627776"
        ),
        (
            #"{"task":{"name":"a","cpu":1,"memory":1,"arrival":5,"departure":5}}"#,
            "t:1: task: it departs before it arrives"
        ),
        (
            #"{"task":{"name":"a","cpu":1,"memory":1,"devices":{"count":1,"models":["T4",1]}}}"#,
            "t:1: devices: models is no list of strings"
        ),
        (#"{"node":{"name":"n","cpu":1,"memory":1}}"#, "t: 1 nodes and 0 tasks; both are needed"),
    ])
    func badLinesSayWhere(line: String, message: String) {
        #expect(throws: TraceError(message)) { try Self.lines(line) }
    }

    static func openB(_ nodes: String, _ tasks: String) throws -> Trace {
        try OpenBReader.trace(
            nodes: Array(nodes.utf8), nodesFile: "nodes", tasks: Array(tasks.utf8), tasksFile: "tasks")
    }

    private static func lines(_ lines: String...) throws -> Trace {
        try TraceReader.trace(Array(lines.joined(separator: "\n").utf8), file: "t")
    }
}
