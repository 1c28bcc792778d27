internal import Basics
internal import Model

/// The scheduler configuration, how the schedulers do, and where a job was placed.
struct SchedulerOutput {
    let shown: Shown

    func configuration(_ configuration: SchedulerConfiguration) -> String {
        let preemption = configuration.preemptionConfig
        let pairs = Table.pairs([
            ("Scheduler Algorithm", configuration.schedulerAlgorithm),
            ("Scheduler Deadline", configuration.schedulerDeadline.goText),
            ("Shadow", target(configuration.shadow)),
            ("Memory Oversubscription", String(configuration.memoryOversubscriptionEnabled)),
            ("Reject Job Registration", String(configuration.rejectJobRegistration)),
            ("Pause Eval Broker", String(configuration.pauseEvalBroker)),
            ("Preemption System Scheduler", String(preemption.systemSchedulerEnabled)),
            ("Preemption Service Scheduler", String(preemption.serviceSchedulerEnabled)),
            ("Preemption Batch Scheduler", String(preemption.batchSchedulerEnabled)),
            ("Preemption SysBatch Scheduler", String(preemption.sysBatchSchedulerEnabled)),
            ("Modify Index", String(configuration.modifyIndex)),
        ])
        guard !configuration.schedulers.isEmpty else { return pairs }
        let rows = configuration.schedulers.map { rule in
            [any(rule.jobType), any(rule.nodePool), rule.plugin.isEmpty ? "stock" : rule.plugin, rule.algorithm]
        }
        return section(pairs, "Scheduler Rules", Table.list(["Job Type", "Node Pool", "Plug-in", "Algorithm"], rows))
    }

    func status(_ status: SchedulerStatus) -> String {
        let heading = ["Name", "Job Types", "Answers", "Faults", "In A Row", "State"]
        let rows = status.schedulers.map { record in
            [
                record.name, record.kinds.joined(separator: ","), String(record.answers), faults(record.faults),
                String(record.faultsInARow), state(record),
            ]
        }
        var text = Table.list(heading, rows)
        if !status.faults.isEmpty { text = section(text, "Newest Faults", faults(status.faults)) }
        let shadow = status.shadow
        return shadow.target.plugin.isEmpty ? text : section(text, "Shadow", self.shadow(shadow))
    }

    /// Where an evaluation's allocations went.
    func placement(_ report: PlacementReport) -> String {
        var pairs = [("Evaluation", shown.id(report.evalID)), ("Status", report.status.rawValue)]
        if !report.statusDescription.isEmpty { pairs.append(("Status Description", report.statusDescription)) }
        var text = Table.pairs(pairs)
        if !report.allocations.isEmpty {
            let rows = report.allocations.map { allocation in
                [
                    shown.id(allocation.id), allocation.name, allocation.taskGroup, shown.id(allocation.nodeID),
                    allocation.nodeName, allocation.ports.map { "\($0.label)=\($0.value)" }.joined(separator: " "),
                ]
            }
            text = section(
                text, "Allocations", Table.list(["ID", "Name", "Task Group", "Node ID", "Node Name", "Ports"], rows))
        }
        guard !report.failed.isEmpty else { return text }
        return section(text, "Failed Placements", MetricOutput(shown: shown).failures(report.failed))
    }

    private func faults(_ faults: [SchedulerFault]) -> String {
        let rows = faults.reversed().map { fault in
            [
                shown.age(fault.time), fault.plugin, shown.id(fault.evalID), fault.jobID, fault.kind.rawValue,
                fault.reason,
            ]
        }
        return Table.list(["Time", "Plug-in", "Eval ID", "Job ID", "Kind", "Reason"], rows)
    }

    private func shadow(_ report: ShadowReport) -> String {
        var pairs = [
            ("Plug-in", target(report.target)), ("Evaluations Compared", String(report.compared)),
            ("Evaluations Dropped", String(report.dropped)), ("Faults", String(report.faults)),
            ("Same Node", share(report.agreed, of: report.asked)),
        ]
        if !report.lastFault.isEmpty { pairs.append(("Last Fault", report.lastFault)) }
        let rows = [("active", report.active), ("shadow", report.shadow)].map { name, side in
            [
                name, share(side.placed, of: report.asked), Shown.number(side.meanScore, digits: 3),
                side.durationP50.goText, side.durationMax.goText,
            ]
        }
        return Table.pairs(pairs) + "\n\n" + Table.list(["Side", "Placed", "Mean Score", "Time p50", "Time Max"], rows)
    }

    private func section(_ text: String, _ title: String, _ body: String) -> String {
        "\(text)\n\n\(shown.paint.bold(title))\n\(body)"
    }

    private func state(_ record: SchedulerRecord) -> String {
        if record.kinds.isEmpty { return "not loaded" }
        guard record.asideUntil > shown.now else { return "asked" }
        return "aside until \(Shown.moment(record.asideUntil))"
    }

    private func faults(_ counts: [String: Int]) -> String {
        let total = counts.values.reduce(0, +)
        guard total > 0 else { return "0" }
        return "\(total) (\(counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")))"
    }

    private func target(_ target: ShadowTarget) -> String {
        guard !target.plugin.isEmpty else { return "none" }
        return "\(target.plugin) (job type \(any(target.jobType)), node pool \(any(target.nodePool)))"
    }

    private func share(_ count: Int, of all: Int) -> String {
        guard all > 0 else { return "0 of 0" }
        return "\(count) of \(all) (\(Shown.number(100 * Double(count) / Double(all), digits: 1)) %)"
    }

    private func any(_ name: String) -> String { name.isEmpty ? "any" : name }
}
