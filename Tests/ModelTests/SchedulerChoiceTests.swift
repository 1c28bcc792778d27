import Basics
import Model
import Testing

/// Which scheduler a configuration chooses for a job.
@Suite struct SchedulerChoiceTests {
    private func configuration(_ rules: String, algorithm: String) throws -> SchedulerConfiguration {
        let text = #"{"SchedulerAlgorithm":"\#(algorithm)","Schedulers":[\#(rules)]}"#
        return try SchedulerConfiguration(json: Array(text.utf8))
    }

    @Test(arguments: [
        ("binpack", "", "", "binpack"), ("spread", "", "", "spread"), ("scored", "", "scored", "binpack"),
        // The first rule of those that fit most closely: type and pool, type, pool, any.
        ("binpack", #"{"Plugin":"any"},{"NodePool":"gpu","Plugin":"pool"}"#, "pool", "binpack"),
        ("binpack", #"{"NodePool":"gpu","Plugin":"pool"},{"JobType":"batch","Plugin":"type"}"#, "type", "binpack"),
        (
            "binpack", #"{"JobType":"batch","Plugin":"type"},{"JobType":"batch","NodePool":"gpu","Plugin":"both"}"#,
            "both", "binpack"
        ),
        ("binpack", #"{"JobType":"batch","Plugin":"one"},{"JobType":"batch","Plugin":"two"}"#, "one", "binpack"),
        ("scored", #"{"JobType":"service","Plugin":"other"}"#, "scored", "binpack"),
        // A rule without a plug-in takes the stock one; without an algorithm the cluster's.
        ("scored", #"{"JobType":"batch"}"#, "", "binpack"), ("spread", #"{"JobType":"batch"}"#, "", "spread"),
        ("spread", #"{"JobType":"batch","Algorithm":"binpack"}"#, "", "binpack"),
        ("binpack", #"{"NodePool":"gpu","Plugin":"pool","Algorithm":"spread"}"#, "pool", "spread"),
    ])
    func choice(algorithm: String, rules: String, plugin: String, scoring: String) throws {
        let choice = try configuration(rules, algorithm: algorithm).choice(type: .batch, nodePool: "gpu")
        #expect(choice.plugin == plugin && choice.algorithm == scoring)
    }

    @Test func aJobWithoutAPoolIsForTheDefaultOne() throws {
        let configuration = try configuration(#"{"NodePool":"default","Plugin":"pool"}"#, algorithm: "binpack")
        #expect(configuration.choice(type: .batch, nodePool: "").plugin == "pool")
        #expect(configuration.choice(type: .batch, nodePool: "gpu").plugin == "")
    }

    @Test func aConfigurationOfAnOlderReleaseHasTheDefaults() throws {
        let old = try SchedulerConfiguration(json: Array(#"{"SchedulerAlgorithm":"spread"}"#.utf8))
        #expect(old.schedulers.isEmpty && old.shadow.plugin.isEmpty && old.schedulerDeadline == .seconds(10))
    }
}
