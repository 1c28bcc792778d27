internal import Basics
internal import Model
internal import RPC
internal import StateStore

extension ServerAgent {
    /// Carries out a write of `job` and answers it as `mode` asks: at once, or once its evaluation is processed.
    ///
    /// The evaluation is ahead of the queue from the moment it is stored. A caller never waits longer than
    /// ``ServerOptions/immediateWaitMax``; the answer then says that the evaluation is still pending.
    func answer(
        _ job: JobKey, _ mode: PlacementMode, _ write: () async throws -> JobReply
    ) async throws -> JobReply {
        guard mode == .immediate else { return try await write() }
        queue.beginExpress(job)
        defer { queue.endExpress(job) }
        var reply = try await write()
        // A periodic or parameterized job is not placed itself.
        guard !reply.evalID.isNone else { return reply }
        reply.placement = await placement(of: reply.evalID, job)
        return reply
    }

    private func placement(of id: ID, _ job: JobKey) async -> PlacementReport {
        let feed = state.feed
        let deadline = seam.time.uptime + settings.immediateWaitMax
        while !feed.snapshot.isProcessed(id) {
            guard await feed.wait(for: [.job(job)], until: deadline, isReady: { feed.snapshot.isProcessed(id) })
            else { break }
        }
        var report = feed.snapshot.placement(of: id)
        if report.status == .pending {
            report.statusDescription =
                "not processed within \(settings.immediateWaitMax.goText); evaluation \"\(id)\" goes on"
        }
        return report
    }
}

extension Snapshot {
    /// Whether a worker is done with the evaluation, or it is gone.
    fileprivate func isProcessed(_ id: ID) -> Bool { evaluation(id)?.status != .pending }

    fileprivate func placement(of id: ID) -> PlacementReport {
        var report = PlacementReport()
        report.evalID = id
        guard let evaluation = evaluation(id) else { return report }
        report.status = evaluation.status
        report.statusDescription = evaluation.statusDescription
        report.failed = evaluation.failedTGAllocs
        report.allocations = allocations(ofEvaluation: id).map { row in
            let allocation = allocation(row, withJob: false, withMetrics: false)
            var placed = PlacedAllocation()
            placed.id = allocation.id
            placed.name = allocation.name
            placed.taskGroup = allocation.taskGroup
            placed.nodeID = allocation.nodeID
            placed.nodeName = allocation.nodeName
            placed.ports = allocation.allocatedResources.shared.ports
            return placed
        }
        return report
    }
}
