internal import Basics
internal import Model
internal import PluginHost

extension SchedulerConfiguration {
    /// Rules at most: each is looked at for every evaluation.
    private static let rulesMax = 64
    private static let deadlines = Duration.milliseconds(1)...Duration.seconds(25)

    /// What is wrong with it on a server with these plug-ins; each text names what is allowed.
    func problems(with placers: any SchedulerRegistry) -> [String] {
        let check = SchedulerCheck(placers: placers)
        var problems: [String] = []
        if !SchedulerConfiguration.stockAlgorithms.contains(schedulerAlgorithm),
            placers.scheduler(named: schedulerAlgorithm) == nil
        {
            problems.append(
                "unknown scheduler algorithm \"\(schedulerAlgorithm)\": use \"binpack\", \"spread\" or a loaded "
                    + "scheduler plug-in (\(placers.schedulerNames.joined(separator: ", ")))")
        }
        if schedulers.count > Self.rulesMax {
            problems.append("Schedulers has \(schedulers.count) rules; at most \(Self.rulesMax) are allowed")
        }
        for (number, rule) in schedulers.enumerated() {
            problems += check.problems(rule).map { "Schedulers[\(number)]: \($0)" }
        }
        if !Self.deadlines.contains(schedulerDeadline) {
            problems.append(
                "SchedulerDeadline \(schedulerDeadline.goText) must be between \(Self.deadlines.lowerBound.goText) and "
                    + Self.deadlines.upperBound.goText)
        }
        if !shadow.plugin.isEmpty {
            let faults = check.problems(jobType: shadow.jobType) + check.problems(shadow.plugin, for: shadow.jobType)
            problems += faults.map { "Shadow: \($0)" }
        }
        return problems
    }
}

/// Checks names in a scheduler configuration against what is loaded.
private struct SchedulerCheck {
    let placers: any SchedulerRegistry

    func problems(_ rule: SchedulerRule) -> [String] {
        var problems = problems(jobType: rule.jobType)
        if !rule.plugin.isEmpty { problems += self.problems(rule.plugin, for: rule.jobType) }
        if !rule.algorithm.isEmpty, !SchedulerConfiguration.stockAlgorithms.contains(rule.algorithm) {
            problems.append(
                "unknown algorithm \"\(rule.algorithm)\": use \"binpack\", \"spread\" or nothing; a plug-in is named "
                    + "under Plugin")
        }
        return problems
    }

    func problems(jobType: String) -> [String] {
        let known = JobType.all.map(\.rawValue)
        guard !jobType.isEmpty, !known.contains(jobType) else { return [] }
        return ["unknown job type \"\(jobType)\": use \(known.joined(separator: ", ")) or nothing for any"]
    }

    func problems(_ plugin: String, for jobType: String) -> [String] {
        guard let scheduler = placers.scheduler(named: plugin) else {
            let loaded = placers.schedulerNames.joined(separator: ", ")
            return ["unknown scheduler plug-in \"\(plugin)\": loaded are \(loaded)"]
        }
        let isKnown = JobType.all.contains(JobType(jobType))
        guard isKnown, !scheduler.kinds.contains(jobType) else { return [] }
        let others = placers.schedulerNames.filter {
            placers.scheduler(named: $0)?.kinds.contains(jobType) == true
        }
        return [
            "plug-in \"\(plugin)\" does not place \(jobType) jobs but \(scheduler.kinds.joined(separator: ", ")); those "
                + "that do are \(others.joined(separator: ", "))"
        ]
    }
}
