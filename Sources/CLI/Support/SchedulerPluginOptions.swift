internal import ArgumentParser
internal import Basics
internal import Model

/// The options of `operator scheduler set-config` that choose plug-ins.
struct SchedulerPluginOptions: ParsableArguments {
    @Option(
        name: .go("scheduler-rule"),
        help: ArgumentHelp(
            """
            A scheduler for some jobs: job-type, node-pool, plugin and algorithm, each once at most; may be repeated, and all \
            of them replace the present rules. \"none\" removes them.
            """, valueName: "key=value,..."))
    var rules: [String] = []

    @Option(
        name: .go("scheduler-deadline"),
        help: ArgumentHelp("How long a selected plug-in may take, such as 10s.", valueName: "duration"))
    var deadline: String?

    @Option(
        name: .go("shadow-plugin"),
        help: ArgumentHelp("A plug-in to try without effect; \"none\" for none.", valueName: "name"))
    var shadowPlugin: String?

    @Option(
        name: .go("shadow-job-type"), help: ArgumentHelp("Try it on these jobs only; \"\" is any.", valueName: "type"))
    var shadowJobType: String?

    @Option(
        name: .go("shadow-node-pool"),
        help: ArgumentHelp("Try it on jobs for this pool only; \"\" is any.", valueName: "pool"))
    var shadowNodePool: String?

    /// Puts what is given into the configuration; throws ``CommandError`` for what cannot be read.
    func apply(to configuration: inout SchedulerConfiguration) throws {
        if !rules.isEmpty { configuration.schedulers = rules == ["none"] ? [] : try rules.map(SchedulerRule.init) }
        if let deadline {
            guard let duration = Duration(goText: deadline) else {
                throw CommandError("-scheduler-deadline \"\(deadline)\" is not a duration such as \"10s\"")
            }
            configuration.schedulerDeadline = duration
        }
        if let shadowPlugin { configuration.shadow.plugin = shadowPlugin == "none" ? "" : shadowPlugin }
        if let shadowJobType { configuration.shadow.jobType = shadowJobType }
        if let shadowNodePool { configuration.shadow.nodePool = shadowNodePool }
    }
}

extension SchedulerRule {
    /// Reads `job-type=batch,plugin=scored`.
    fileprivate init(_ text: String) throws {
        self.init()
        var seen: Set<Substring> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, seen.insert(pair[0]).inserted else { throw SchedulerRule.unreadable(text) }
            let value = String(pair[1])
            switch pair[0] {
            case "job-type": jobType = value
            case "node-pool": nodePool = value
            case "plugin": plugin = value
            case "algorithm": algorithm = value
            default: throw SchedulerRule.unreadable(text)
            }
        }
    }

    private static func unreadable(_ text: String) -> CommandError {
        CommandError(
            "-scheduler-rule \"\(text)\" must have the form key=value,... with the keys job-type, node-pool, plugin and "
                + "algorithm, each once at most")
    }
}
