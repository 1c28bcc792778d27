internal import APIClient
internal import Basics
internal import Model

/// Follows an evaluation and those that come after it, and tells what happens.
struct Monitor {
    let client: DroverClient
    let shown: Shown

    /// How an evaluation ended, as an exit code: 0, or 2 when something could not be placed or it failed.
    func follow(_ first: ID) async throws -> Int32 {
        var next: ID? = first
        var code: Int32 = 0
        while let id = next { (code, next) = try await followOne(id) }
        return code
    }

    private func followOne(_ id: ID) async throws -> (code: Int32, next: ID?) {
        head("Monitoring evaluation \"\(shown.id(id))\"")
        var known: [ID: AllocationStub] = [:]
        var status: EvaluationStatus?
        var index: UInt64 = 0
        while true {
            let (evaluation, seen) = try await changed(id, after: index)
            index = max(seen, 1)
            if status == nil { line("Evaluation triggered by \(trigger(evaluation))") }
            for allocation in try await client.evaluationAllocations(id) {
                tell(allocation, before: known.updateValue(allocation, forKey: allocation.id), in: id)
            }
            if let status, status != evaluation.status {
                line("Evaluation status changed: \"\(status.rawValue)\" -> \"\(evaluation.status.rawValue)\"")
            }
            status = evaluation.status
            guard evaluation.status.isTerminal || evaluation.status == .blocked else { continue }
            return finish(evaluation)
        }
    }

    /// The evaluation once it is newer than `index`; a change can take long, so each wait is short and repeated.
    private func changed(_ id: ID, after index: UInt64) async throws -> (Evaluation, UInt64) {
        let query = index > 0 ? [("index", String(index)), ("wait", "2s")] : []
        let answer = try await client.get("/v1/evaluation/\(id)", query: query)
        return (try answer.decode(), answer.index)
    }

    private func trigger(_ evaluation: Evaluation) -> String {
        switch evaluation.triggeredBy {
        case .nodeUpdate: "node \"\(shown.id(evaluation.nodeID))\""
        default: "job \"\(evaluation.jobID)\""
        }
    }

    private func tell(_ allocation: AllocationStub, before: AllocationStub?, in evaluation: ID) {
        let name = "Allocation \"\(shown.id(allocation.id))\""
        guard let before else {
            let place = "node \"\(shown.id(allocation.nodeID))\", group \"\(allocation.taskGroup)\""
            let isNew = allocation.evalID == evaluation && allocation.desiredStatus == .run
            line("\(name) \(isNew ? "created" : "modified"): \(place)")
            return
        }
        guard before.clientStatus != allocation.clientStatus else { return }
        let change = "\"\(before.clientStatus.rawValue)\" -> \"\(allocation.clientStatus.rawValue)\""
        let reason = allocation.clientDescription.isEmpty ? "" : " (\(allocation.clientDescription))"
        line("\(name) status changed: \(change)\(reason)")
    }

    private func finish(_ evaluation: Evaluation) -> (code: Int32, next: ID?) {
        let ending = "Evaluation \"\(shown.id(evaluation.id))\" finished with status \"\(evaluation.status.rawValue)\""
        guard !evaluation.failedTGAllocs.isEmpty else {
            head(ending + (evaluation.statusDescription.isEmpty ? "" : " (\(evaluation.statusDescription))"))
            return (evaluation.status == .failed ? 2 : 0, evaluation.nextEval.isNone ? nil : evaluation.nextEval)
        }
        head(ending + " but failed to place all allocations:")
        for row in MetricOutput(shown: shown).failures(evaluation.failedTGAllocs).split(separator: "\n") {
            Console.write("    " + row)
        }
        if !evaluation.blockedEval.isNone {
            line(
                "Evaluation \"\(shown.id(evaluation.blockedEval))\" waiting for additional capacity to place remainder")
        }
        return (2, nil)
    }

    private func head(_ text: String) {
        Console.write(shown.paint.bold("==> \(Shown.moment(LocalEnvironment.now)): \(text)"))
    }

    private func line(_ text: String) { Console.write("    \(Shown.moment(LocalEnvironment.now)): \(text)") }
}
