import ArgumentParser
import Basics
import Model
import Testing

@testable import CLI

/// How the command line shows and changes schedulers.
@Suite struct SchedulerOutputTests {
    private let output = SchedulerOutput(shown: Shown(now: OutputTests.now))

    @Test func configuration() throws {
        var configuration = SchedulerConfiguration()
        #expect(output.configuration(configuration).contains("Shadow                        = none\n"))
        configuration.shadow.plugin = "scored"
        var rule = SchedulerRule()
        rule.jobType = "batch"
        rule.algorithm = "spread"
        configuration.schedulers = [rule]
        let text = output.configuration(configuration)
        #expect(text.contains("Scheduler Deadline            = 10s\n"))
        #expect(text.contains("= scored (job type any, node pool any)\n"))
        #expect(
            text.hasSuffix(
                """
                Scheduler Rules
                Job Type  Node Pool  Plug-in  Algorithm
                batch     any        stock    spread
                """))
    }

    @Test func status() throws {
        let status = try SchedulerStatus(
            json: Array(
                """
                {"Schedulers": [
                   {"Name": "bold", "Kinds": ["service", "batch"], "Answers": 2, "Faults": {"late": 3, "crashed": 1},
                    "FaultsInARow": 3, "AsideUntil": 1700000030000000000},
                   {"Name": "gone", "Faults": {"unavailable": 1}}, {"Name": "service", "Kinds": ["service"], "Answers": 9}],
                 "Faults": [{"Time": 1699999990000000000, "Plugin": "bold", "JobID": "web", "Kind": "late",
                   "EvalID": "00000001-0000-0000-0000-000000000001", "Reason": "no answer by its deadline"}],
                 "Shadow": {"Target": {"Plugin": "scored"}, "Compared": 4, "Asked": 8, "Agreed": 6, "Dropped": 1,
                   "Active": {"Placed": 8, "MeanScore": 0.5, "DurationP50": 12000, "DurationMax": 2000000},
                   "Shadow": {"Placed": 7, "MeanScore": 0.25, "DurationP50": 15000, "DurationMax": 30000}}}
                """.utf8))
        #expect(
            output.status(status) == """
                Name     Job Types      Answers  Faults                 In A Row  State
                bold     service,batch  2        4 (1 crashed, 3 late)  3         aside until 2023-11-14T22:13:50Z
                gone     <none>         0        1 (1 unavailable)      0         not loaded
                service  service        9        0                      0         asked

                Newest Faults
                Time     Plug-in  Eval ID   Job ID  Kind  Reason
                10s ago  bold     00000001  web     late  no answer by its deadline

                Shadow
                Plug-in              = scored (job type any, node pool any)
                Evaluations Compared = 4
                Evaluations Dropped  = 1
                Faults               = 0
                Same Node            = 6 of 8 (75 %)

                Side    Placed           Mean Score  Time p50  Time Max
                active  8 of 8 (100 %)   0.500       12µs      2ms
                shadow  7 of 8 (87.5 %)  0.250       15µs      30µs
                """)
    }

    @Test func placement() throws {
        var report = PlacementReport()
        report.evalID = ID(high: 1 << 32, low: 1)
        report.status = .complete
        var allocation = PlacedAllocation()
        allocation.id = ID(high: 2 << 32, low: 1)
        allocation.name = "web.group[0]"
        allocation.taskGroup = "group"
        allocation.nodeID = ID(high: 3 << 32, low: 1)
        allocation.nodeName = "node-0"
        var port = PortMapping()
        port.label = "http"
        port.value = 20_000
        allocation.ports = [port]
        report.allocations = [allocation]
        #expect(
            output.placement(report) == """
                Evaluation = 00000001
                Status     = complete

                Allocations
                ID        Name          Task Group  Node ID   Node Name  Ports
                00000002  web.group[0]  group       00000003  node-0     http=20000
                """)
        report.allocations = []
        report.failed = ["group": AllocationMetric()]
        #expect(output.placement(report).contains("Failed Placements\nTask Group \"group\""))
    }

    @Test func optionsChangeWhatTheyName() throws {
        var configuration = SchedulerConfiguration()
        configuration.shadow.jobType = "batch"
        let options = try SchedulerPluginOptions.parse([
            "-scheduler-rule", "job-type=batch,plugin=scored", "-scheduler-rule", "node-pool=gpu,algorithm=spread",
            "-scheduler-deadline", "2s", "-shadow-plugin", "scored", "-shadow-node-pool", "gpu",
        ])
        try options.apply(to: &configuration)
        #expect(configuration.schedulers.map(\.jobType) == ["batch", ""])
        #expect(configuration.schedulers.map(\.nodePool) == ["", "gpu"])
        #expect(configuration.schedulers.map(\.plugin) == ["scored", ""])
        #expect(configuration.schedulers.map(\.algorithm) == ["", "spread"])
        #expect(configuration.schedulerDeadline == .seconds(2))
        #expect(configuration.shadow.plugin == "scored" && configuration.shadow.nodePool == "gpu")
        #expect(configuration.shadow.jobType == "batch", "what is not named stays")
        try SchedulerPluginOptions.parse(["-scheduler-rule", "none", "-shadow-plugin", "none"])
            .apply(to: &configuration)
        #expect(configuration.schedulers.isEmpty && configuration.shadow.plugin.isEmpty)
    }

    @Test(arguments: [
        ("-scheduler-rule", "batch"), ("-scheduler-rule", "type=batch"), ("-scheduler-rule", "plugin=a,plugin=b"),
        ("-scheduler-rule", ""), ("-scheduler-deadline", "soon"),
    ])
    func whatCannotBeReadIsNamed(option: String, value: String) throws {
        let options = try SchedulerPluginOptions.parse([option, value])
        var configuration = SchedulerConfiguration()
        let error = #expect(throws: CommandError.self) { try options.apply(to: &configuration) }
        #expect(error?.description.hasPrefix("\(option) \"\(value)\"") == true, "\(error?.description ?? "")")
    }
}
