internal import Model

/// What this release knows of but does not do. A job that could not run as it says is refused; one that merely loses a
/// convenience is warned about. A line goes when its feature comes.
extension Job {
    /// Reasons to refuse the job.
    var refusedFeatures: [String] {
        var reasons: [String] = []
        if periodic != nil { reasons.append("periodic: this release does not launch periodic jobs yet") }
        for group in taskGroups {
            for task in group.tasks {
                let place = "group \"\(group.name)\": task \"\(task.name)\""
                if !task.artifacts.isEmpty { reasons.append("\(place): artifacts are not fetched yet") }
                if !task.templates.isEmpty { reasons.append("\(place): templates are not rendered yet") }
                if !task.secrets.isEmpty { reasons.append("\(place): secrets are not fetched yet") }
            }
        }
        return reasons
    }

    /// What will have no effect.
    var ignoredFeatures: [String] {
        var notes: [String] = []
        for group in taskGroups {
            let services = group.services + group.tasks.flatMap(\.services)
            for service in services {
                notes.append("service \"\(service.name)\" will not be registered: there is no service discovery yet")
            }
            if group.update?.canary ?? 0 > 0 || group.update?.autoRevert == true {
                notes.append(
                    "group \"\(group.name)\": canaries and auto_revert need deployments, which are not there yet; "
                        + "updates go on by max_parallel and stagger")
            }
            if group.maxRunDuration != nil { notes.append("group \"\(group.name)\": max_run_duration has no effect") }
        }
        return notes
    }
}
