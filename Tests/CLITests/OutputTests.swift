import APIClient
import ArgumentParser
import Basics
import Model
import Testing

@testable import CLI

@Suite("Output")
struct OutputTests {
    static let now = Timestamp(seconds: 1_700_000_000)
    let shown = Shown(now: OutputTests.now)

    @Test(arguments: [
        (0, "0s ago"), (59, "59s ago"), (332, "5m32s ago"), (3600, "1h ago"), (3725, "1h2m ago"), (90_000, "1d1h ago"),
        (40 * 86_400, "1mo10d ago"), (400 * 86_400, "1y1mo ago"), (-10, "10s from now"),
    ])
    func ages(seconds: Int64, text: String) {
        let time = Timestamp(seconds: OutputTests.now.seconds - seconds)
        #expect(Shown.difference(from: time, to: OutputTests.now) == text)
    }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (314_572_800, "300 MiB"),
        (5_368_709_120, "5 GiB"),
    ])
    func sizes(bytes: Int64, text: String) { #expect(Shown.bytes(bytes) == text) }

    @Test func emptyCellsAreMarked() {
        #expect(Table.list(["A", "Bcd"], [["", "x"], ["long", ""]]) == "A       Bcd\n<none>  x\nlong    <none>")
        #expect(Table.pairs([("ID", "1"), ("Name", "")]) == "ID   = 1\nName = <none>")
    }

    @Test func jobList() throws {
        let jobs = try [JobStub].read(
            try JSONParser.parse(
                """
                [{"ID": "web", "Type": "service", "Priority": 50, "Status": "running", "SubmitTime": 1700000000000000000},
                 {"ID": "nightly", "Type": "batch", "Priority": 30, "Status": "dead", "Stop": true, "Periodic": true}]
                """))
        #expect(
            JobOutput(shown: shown).list(jobs, allNamespaces: false) == """
                ID       Type            Priority  Status          Submit Date
                nightly  batch/periodic  30        dead (stopped)  N/A
                web      service         50        running         2023-11-14T22:13:20Z
                """)
        #expect(JobOutput(shown: shown).list([], allNamespaces: false) == "No running jobs")
    }

    @Test func jobAndAllocations() throws {
        var job = Job()
        (job.id, job.name, job.type, job.priority, job.datacenters) = ("web", "web", .service, 50, ["dc1", "dc2"])
        (job.namespace, job.nodePool, job.status, job.submitTime) = ("default", "default", .running, OutputTests.now)
        #expect(
            JobOutput(shown: shown).facts(job) == """
                ID            = web
                Name          = web
                Submit Date   = 2023-11-14T22:13:20Z
                Type          = service
                Priority      = 50
                Datacenters   = dc1,dc2
                Namespace     = default
                Node Pool     = default
                Status        = running
                Periodic      = false
                Parameterized = false
                """)
        var summary = JobSummary()
        summary.summary["g"] = TaskGroupSummary()
        summary.summary["g"]?.running = 3
        #expect(
            JobOutput(shown: shown).summary(summary) == """
                Summary
                Task Group  Queued  Starting  Running  Failed  Complete  Lost  Unknown
                g           0       0         3        0       0         0     0
                """)
        var stub = AllocationStub()
        (stub.id, stub.nodeID, stub.taskGroup) = (ID(high: 0x1234_5678 << 32, low: 1), ID(high: 9 << 32, low: 1), "g")
        (stub.createTime, stub.modifyTime) = (Timestamp(seconds: OutputTests.now.seconds - 65), OutputTests.now)
        #expect(
            JobOutput(shown: shown).allocations([stub]) == """
                Allocations
                ID        Node ID   Task Group  Version  Desired  Status   Created   Modified
                12345678  00000009  g           0        run      pending  1m5s ago  0s ago
                """)
        #expect(JobOutput(shown: shown).allocations([]) == "Allocations\nNo allocations placed")
    }

    @Test func placementFailures() throws {
        let metric = try AllocationMetric(
            json: Array(
                """
                {"NodesEvaluated": 3, "NodesAvailable": {"dc1": 3, "dc2": 0}, "ConstraintFiltered": {"${attr.kernel.name} = linux": 1},
                 "NodesExhausted": 2, "DimensionExhausted": {"memory": 2}, "CoalescedFailures": 4}
                """.utf8))
        var evaluation = Evaluation()
        evaluation.failedTGAllocs = ["g": metric]
        evaluation.status = .blocked
        #expect(
            JobOutput(shown: shown).placementFailures([evaluation]) == """
                Placement Failure
                Task Group "g" (failed to place 5 allocations):
                  * No nodes are available in datacenter "dc2"
                  * Constraint "${attr.kernel.name} = linux": 1 nodes excluded by filter
                  * Resources exhausted on 2 nodes
                  * Dimension "memory" exhausted on 2 nodes
                """)
        evaluation.status = .complete
        #expect(JobOutput(shown: shown).placementFailures([evaluation]) == nil)
    }

    @Test func nodeList() throws {
        let nodes = try [NodeStub].read(
            try JSONParser.parse(
                """
                [{"ID": "f35be281-0000-4000-8000-000000000000", "NodePool": "default", "Datacenter": "dc1", "Name": "n1",
                  "SchedulingEligibility": "eligible", "Status": "ready", "Drain": false}]
                """))
        #expect(
            NodeOutput(shown: shown).list(nodes) == """
                ID        Node Pool  DC   Name  Class   Drain  Eligibility  Status
                f35be281  default    dc1  n1    <none>  false  eligible     ready
                """)
    }

    @Test func devices() throws {
        let node = try Node.read(
            try JSONParser.parse(
                """
                {"NodeResources": {"Devices": [{"Vendor": "nvidia", "Type": "gpu", "Name": "T4", "Instances": [
                   {"ID": "GPU-1", "Healthy": true, "Locality": {"PciBusID": "0000:01:00.0", "NUMANode": 1}},
                   {"ID": "GPU-2", "Healthy": false, "HealthDescription": "XID 79"}],
                 "Attributes": {"memory": {"Int": 16, "Unit": "GiB"}, "boost": {"Bool": true}}}]}}
                """))
        #expect(
            NodeOutput(shown: shown).devices(node) == [
                """
                Devices
                Group          ID     Healthy  Message  PCI Bus ID    NUMA
                nvidia/gpu/T4  GPU-1  true     <none>   0000:01:00.0  1
                nvidia/gpu/T4  GPU-2  false    XID 79   <none>        <none>
                """
            ])
        #expect(
            DeviceOutput(shown: shown).attributes(node) == [
                """
                Device Group Attributes
                Device Group = nvidia/gpu/T4
                boost        = true
                memory       = 16 GiB
                """
            ])
        #expect(NodeOutput(shown: shown).devices(Node()).isEmpty)
        let used = try JSONParser.parse(
            """
            [{"Vendor": "nvidia", "Type": "gpu", "Name": "T4", "InstanceStats": {"GPU-1": {
               "Summary": {"IntNumeratorVal": 512, "IntDenominatorVal": 16384, "Unit": "MiB"},
               "Stats": {"Attributes": {"Temperature": {"IntNumeratorVal": 41, "Unit": "C"}, "Mode": {"StringVal": "x"}}}}}}]
            """)
        let verbose = DeviceOutput(shown: Shown(now: OutputTests.now, verbose: true))
        #expect(
            verbose.usage(used) == [
                """
                Device Resource Utilization
                Device                Utilization
                nvidia/gpu/T4[GPU-1]  512 / 16384 MiB
                """,
                """
                Device Stats
                Device      = nvidia/gpu/T4[GPU-1]
                Mode        = x
                Temperature = 41 C
                """,
            ])
        #expect(verbose.summary(used, group: "nvidia/gpu/T4", id: "GPU-1") == "512 / 16384 MiB")
        #expect(DeviceOutput(shown: shown).usage(used).count == 1)
    }

    @Test func allocation() throws {
        var allocation = Allocation()
        allocation.id = ID(high: 0x0af9_96ed << 32, low: 1)
        allocation.name = "web.g[0]"
        allocation.clientStatus = .running
        var state = TaskState()
        state.state = .running
        state.startedAt = TimeText(OutputTests.now)
        var event = TaskEvent()
        (event.type, event.time, event.displayMessage) = ("Started", OutputTests.now, "Task started by client")
        state.events = [event]
        allocation.taskStates["t"] = state
        var held = AllocatedTaskResources()
        (held.cpu.cpuShares, held.memory.memoryMB) = (100, 300)
        allocation.allocatedResources.tasks["t"] = held
        allocation.allocatedResources.shared.diskMB = 300
        let usage = try JSONParser.parse(
            #"{"Tasks": {"t": {"ResourceUsage": {"CpuStats": {"TotalTicks": 7.6}, "MemoryStats": {"RSS": 1572864}}}}}"#)
        #expect(
            AllocationOutput(shown: shown).tasks(allocation, usage: usage) == [
                """
                Task "t" is "running"
                Task Resources:
                CPU        Memory           Disk
                7/100 MHz  1.5 MiB/300 MiB  300 MiB

                Task Events:
                Started At     = 2023-11-14T22:13:20Z
                Finished At    = N/A
                Total Restarts = 0
                Last Restart   = N/A

                Recent Events:
                Time                  Type     Description
                2023-11-14T22:13:20Z  Started  Task started by client
                """
            ])
        #expect(AllocationOutput(shown: shown).facts(allocation).hasPrefix("ID                  = 0af996ed\n"))
    }

    @Test func networkOfAnAllocation() {
        var allocation = Allocation()
        let output = AllocationOutput(shown: shown)
        #expect(output.addresses(allocation) == nil && output.network(allocation) == nil)
        var (job, group, network, port) = (Job(), TaskGroup(), NetworkResource(), PortMapping())
        network.mode = "bridge"
        (group.name, group.networks) = ("g", [network])
        job.taskGroups = [group]
        (allocation.taskGroup, allocation.job) = ("g", job)
        (port.label, port.value, port.to, port.hostIP) = ("http", 23_456, 80, "10.0.0.1")
        allocation.allocatedResources.shared.ports = [port]
        #expect(
            output.addresses(allocation) == """
                Allocation Addresses (mode = "bridge"):
                Label  Dynamic  Address
                *http  yes      10.0.0.1:23456 -> 80
                """)
        var status = AllocationNetworkStatus()
        (status.interfaceName, status.address, status.addressIPv6) = ("eth0", "172.26.64.7", "fd00::7")
        var dns = DNSConfig()
        dns.servers = ["10.0.0.53", "10.0.0.54"]
        status.dns = dns
        allocation.networkStatus = status
        #expect(
            output.network(allocation) == """
                Allocation Network:
                Interface    = eth0
                Address      = 172.26.64.7
                IPv6 Address = fd00::7
                DNS Servers  = 10.0.0.53, 10.0.0.54
                """)
    }

    @Test func planShowsDifferenceAndHowToGoOn() throws {
        var response = JobPlanResponse()
        response.jobModifyIndex = 7
        response.annotations = try JSONParser.parse(#"{"DesiredTGUpdates": {"g": {"Ignore": 1, "Place": 1}}}"#)
        response.diff = try JSONParser.parse(
            """
            {"Type": "Edited", "ID": "web", "Fields": [{"Type": "Edited", "Name": "Priority", "Old": "50", "New": "60"},
              {"Type": "None", "Name": "Region", "Old": "global", "New": "global"}],
             "TaskGroups": [{"Type": "Edited", "Name": "g", "Updates": {"create": 1},
              "Fields": [{"Type": "Edited", "Name": "Count", "Old": "1", "New": "2", "Annotations": ["forces create"]}],
              "Tasks": [{"Type": "Edited", "Name": "t", "Annotations": ["forces create/destroy update"],
               "Objects": [{"Type": "Added", "Name": "Config", "Fields": [{"Type": "Added", "Name": "command", "New": "/bin/true"}]}]}]}]}
            """)
        #expect(PlanOutput.changesAllocations(response))
        #expect(
            PlanOutput(paint: .none).text(response, path: "web.hcl", showsDiff: true) == """
                +/- Job: "web"
                +/- Priority: "50" => "60"
                +/- Task Group: "g" (1 create)
                  +/- Count: "1" => "2" (forces create)
                  +/- Task: "t" (forces create/destroy update)
                    + Config {
                      + command: "/bin/true"
                    }

                Scheduler dry-run:
                - All tasks successfully allocated.

                Job Modify Index: 7
                To submit the job with version verification run:

                drover job run -check-index 7 web.hcl

                With -check-index the job is only run if it has not changed since this plan.
                """)
        #expect(!PlanOutput.changesAllocations(JobPlanResponse()))
    }

    @Test func evaluation() {
        var evaluation = Evaluation()
        (evaluation.id, evaluation.jobID, evaluation.namespace) = (ID(high: 1 << 32, low: 1), "web", "default")
        (evaluation.type, evaluation.priority, evaluation.status) = (.service, 50, .complete)
        (evaluation.createTime, evaluation.modifyTime) = (OutputTests.now, OutputTests.now)
        #expect(
            EvaluationOutput(shown: shown).facts(evaluation) == """
                ID                 = 00000001
                Create Time        = 0s ago
                Modify Time        = 0s ago
                Status             = complete
                Status Description = complete
                Type               = service
                TriggeredBy        = job-register
                Job ID             = web
                Namespace          = default
                Priority           = 50
                Placement Failures = false
                """)
    }

    @Test func plugins() throws {
        let plugins = try [PluginStatus].read(
            try JSONParser.parse(
                """
                [{"Name": "raw_exec", "Kind": "driver", "File": "/p/libdrover-raw_exec.so", "Version": "0.1",
                  "ABI": "0-c0de", "Isolation": "process", "State": "running", "PID": 12, "Restarts": 1},
                 {"Name": "bad", "Kind": "driver", "File": "/p/bad.so", "State": "quarantined", "Reason": "not an ELF file"}]
                """))
        #expect(
            AgentOutput(shown: shown).plugins(plugins) == """
                Name      Kind    Version  ABI     Isolation  State        PID  Restarts  File
                bad       driver  <none>   <none>  <none>     quarantined  -    0         /p/bad.so
                raw_exec  driver  0.1      0-c0de  process    running      12   1         /p/libdrover-raw_exec.so

                bad: not an ELF file
                """)
    }

    @Test func members() throws {
        let members = try [AgentMember].read(
            try JSONParser.parse(
                """
                [{"Name": "s2.eu", "Addr": "10.1.0.2", "Port": 4648, "Status": "failed", "ProtocolCur": 2, "Tags":
                  {"role": "nomad", "region": "eu", "dc": "dc2", "rpc_addr": "10.1.0.9", "port": "4647", "build": "0.1.0", "raft_vsn": "3"}},
                 {"Name": "s1.us", "Addr": "10.0.0.1", "Port": 4648, "Status": "alive", "ProtocolCur": 2, "Tags":
                  {"role": "nomad", "region": "us", "dc": "dc1", "rpc_addr": "10.0.0.1", "port": "4647", "build": "0.1.0", "raft_vsn": "3"}},
                 {"Name": "web", "Addr": "10.0.0.7", "Port": 7946, "Status": "alive", "ProtocolCur": 2, "Tags": {}}]
                """))
        #expect(
            AgentOutput(shown: shown).members(members, leaders: ["eu": "10.1.0.9:4647", "us": ""]) == """
                Name   Address   Port  Status  Leader  Raft Version  Build   Datacenter  Region
                s1.us  10.0.0.1  4648  alive   false   3             0.1.0   dc1         us
                s2.eu  10.1.0.2  4648  failed  true    3             0.1.0   dc2         eu
                web    10.0.0.7  7946  alive   false   <none>        <none>  <none>      <none>
                """)
        #expect(
            AgentOutput(shown: shown).memberTags([members[2], members[1]]) == """
                Name   Address   Port  Status  Protocol  Tags
                s1.us  10.0.0.1  4648  alive   2         \
                build=0.1.0,dc=dc1,port=4647,raft_vsn=3,region=us,role=nomad,rpc_addr=10.0.0.1
                web    10.0.0.7  7946  alive   2         <none>
                """)
    }

    @Test func gossipKeys() {
        var answer = KeyringResponse()
        answer.keys = ["b=": 2, "a=": 1]
        answer.members = 2
        #expect(AgentOutput(shown: shown).gossipKeys(answer) == "Key  Servers\na=   [1/2]\nb=   [2/2]")
    }

    @Test(arguments: [
        ("a\nb\nc\n", 2, "b\nc\n"), ("a\nb\nc", 2, "b\nc"), ("a\n", 5, "a\n"), ("", 3, ""), ("a\nb\n", 0, ""),
        ("one", 1, "one"),
    ])
    func lastLines(text: String, count: Int, end: String) {
        #expect(String(decoding: LineLimit(linesMax: count).end(of: Array(text.utf8)), as: UTF8.self) == end)
    }

    @Test func theExampleJobIsValid() throws {
        for text in [ExampleJob.text, ExampleJob.short] {
            let path = "/tmp/drover-example-\(UInt64.random(in: 0...UInt64.max)).hcl"
            try LocalFile.create(path, text, what: "Job file")
            defer { unlinkFile(path) }
            let source = try JobSource.parse([path])
            let job = try source.read().job.canonicalized()
            #expect(job.id == "example")
            #expect(job.validate().isEmpty, "\(job.validate())")
        }
    }
}
