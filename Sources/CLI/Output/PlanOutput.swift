internal import APIClient
internal import Basics
internal import Model

/// What `job plan` shows: the difference, the dry run's result, how to go on.
struct PlanOutput {
    let paint: Paint
    var verbose = false
    var showsPlacement = false

    func text(_ response: JobPlanResponse, path: String, showsDiff: Bool) -> String {
        var parts: [String] = []
        if showsDiff, !response.diff.isNull {
            parts.append(DiffOutput(paint: paint, verbose: verbose).job(response.diff))
        }
        parts.append(paint.bold("Scheduler dry-run:") + "\n" + dryRun(response))
        if showsPlacement {
            let shown = Shown(now: .never, verbose: verbose, paint: paint)
            parts.append(PlacementOutput(shown: shown).text(response.placement))
        }
        if !response.warnings.isEmpty { parts.append(paint.yellow("Job Warnings:") + "\n" + response.warnings) }
        var index = paint.bold("Job Modify Index: \(response.jobModifyIndex)")
        index += "\nTo submit the job with version verification run:\n\n"
        index += "drover job run -check-index \(response.jobModifyIndex) \(path)\n\n"
        index += "With -check-index the job is only run if it has not changed since this plan."
        parts.append(index)
        return parts.joined(separator: "\n\n")
    }

    private func dryRun(_ response: JobPlanResponse) -> String {
        var lines: [String] = []
        if response.failedTGAllocs.isEmpty {
            lines.append(paint.green("- All tasks successfully allocated."))
        } else {
            lines.append(paint.yellow("- WARNING: Failed to place all allocations."))
            let shown = Shown(now: .never, verbose: verbose, paint: paint)
            let failures = MetricOutput(shown: shown).failures(response.failedTGAllocs)
            lines += failures.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }
        }
        for group in response.placement.groups {
            lines += group.impossible.map { paint.red("- Group \"\(group.taskGroup)\" can never be placed: ") + $0 }
        }
        let preempted = response.annotations["PreemptedAllocs"]?.array?.count ?? 0
        if preempted > 0 {
            lines.append("- \(preempted) allocation(s) of lower priority would be stopped to make room.")
        }
        if response.nextPeriodicLaunch.time != .never {
            lines.append(
                "- If submitted now, next periodic launch would be at \(response.nextPeriodicLaunch.time.rfc3339).")
        }
        return lines.joined(separator: "\n")
    }

    /// Whether running the job would make or stop allocations.
    static func changesAllocations(_ response: JobPlanResponse) -> Bool {
        let groups = response.annotations["DesiredTGUpdates"]?.object?.members ?? []
        return groups.contains { group in
            ["Stop", "Place", "Migrate", "DestructiveUpdate", "Canary"].contains { (group.value[$0]?.integer ?? 0) > 0 }
        }
    }
}
