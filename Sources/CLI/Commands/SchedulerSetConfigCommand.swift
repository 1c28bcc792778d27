internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct SchedulerSetConfigCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "set-config", abstract: "Change the scheduler configuration; what is not named stays.",
        discussion: """
            -scheduler-rule and the -shadow options choose plug-ins at run time, for example \
            -scheduler-rule job-type=batch,plugin=scored -shadow-plugin scored.
            """)

    @OptionGroup var options: ClientOptions

    @Option(
        name: .go("check-index"),
        help: ArgumentHelp("Change it only if its modify index is this.", valueName: "index"))
    var checkIndex: UInt64?

    @Option(
        name: .go("scheduler-algorithm"),
        help: ArgumentHelp(
            "binpack fills machines, spread evens them out; or the name of a plug-in.", valueName: "name"))
    var algorithm: String?

    @OptionGroup var plugins: SchedulerPluginOptions

    @Option(
        name: .go("memory-oversubscription"),
        help: ArgumentHelp("Whether tasks may use up to memory_max.", valueName: "true|false"))
    var memoryOversubscription: Bool?

    @Option(
        name: .go("reject-job-registration"),
        help: ArgumentHelp("Whether only managers may run jobs.", valueName: "true|false"))
    var rejectJobRegistration: Bool?

    @Option(name: .go("pause-eval-broker"), help: ArgumentHelp("Whether evaluations wait.", valueName: "true|false"))
    var pauseEvalBroker: Bool?

    @Option(
        name: .go("preempt-service-scheduler"),
        help: ArgumentHelp("Whether service jobs may displace others.", valueName: "true|false"))
    var preemptService: Bool?

    @Option(
        name: .go("preempt-batch-scheduler"),
        help: ArgumentHelp("Whether batch jobs may displace others.", valueName: "true|false"))
    var preemptBatch: Bool?

    @Option(
        name: .go("preempt-system-scheduler"),
        help: ArgumentHelp("Whether system jobs may displace others.", valueName: "true|false"))
    var preemptSystem: Bool?

    @Option(
        name: .go("preempt-sysbatch-scheduler"),
        help: ArgumentHelp("Whether sysbatch jobs may displace others.", valueName: "true|false"))
    var preemptSysBatch: Bool?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        var configuration = try await client.schedulerConfiguration().schedulerConfig
        // What is not named keeps the value just read; the index guards against a change in between.
        let index = checkIndex ?? configuration.modifyIndex
        apply(to: &configuration)
        try plugins.apply(to: &configuration)
        guard try await client.setSchedulerConfiguration(configuration, checkIndex: index) else {
            throw CommandError(
                "Scheduler configuration could not be atomically updated: it has changed; please try again")
        }
        Console.write("Scheduler configuration updated!")
    }

    private func apply(to configuration: inout SchedulerConfiguration) {
        if let algorithm { configuration.schedulerAlgorithm = algorithm }
        if let memoryOversubscription { configuration.memoryOversubscriptionEnabled = memoryOversubscription }
        if let rejectJobRegistration { configuration.rejectJobRegistration = rejectJobRegistration }
        if let pauseEvalBroker { configuration.pauseEvalBroker = pauseEvalBroker }
        if let preemptService { configuration.preemptionConfig.serviceSchedulerEnabled = preemptService }
        if let preemptBatch { configuration.preemptionConfig.batchSchedulerEnabled = preemptBatch }
        if let preemptSystem { configuration.preemptionConfig.systemSchedulerEnabled = preemptSystem }
        if let preemptSysBatch { configuration.preemptionConfig.sysBatchSchedulerEnabled = preemptSysBatch }
    }
}
