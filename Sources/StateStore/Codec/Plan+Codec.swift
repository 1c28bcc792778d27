import Basics
import Model

extension ByteWriter {
    /// A plan as columns: about 30 bytes a placement.
    mutating func plan(_ plan: Plan) {
        id(plan.evalID)
        signed(Int64(plan.priority))
        text(plan.namespace)
        text(plan.jobID)
        number(plan.jobVersion)
        number(plan.snapshotIndex)
        flag(plan.allAtOnce)
        time(plan.createTime)
        ids(plan.inPlaceUpdates)
        number(plan.stops.count)
        for stop in plan.stops { self.stop(stop) }
        number(plan.placements.count)
        for batch in plan.placements { framed { $0.batch(batch) } }
        number(plan.ending.count)
        for evaluation in plan.ending { document(evaluation) }
    }

    private mutating func stop(_ stop: PlannedStop) {
        id(stop.id)
        byte(stop.desiredStatus.code)
        text(stop.description)
        byte(stop.clientStatus.map { $0.code + 1 } ?? 0)
        id(stop.followupEvalID)
        id(stop.preemptedBy)
    }

    private mutating func batch(_ batch: PlacementBatch) {
        text(batch.taskGroup)
        number(batch.gang)
        column(batch.ids)
        column(batch.nodes)
        column(batch.nameIndexes)
        number(batch.portLabels.count)
        for label in batch.portLabels { text(label) }
        column(batch.ports)
        column(batch.previous)
        column(batch.scores)
        number(batch.rescheduleTrackers.count)
        for (position, tracker) in batch.rescheduleTrackers.sorted(by: { $0.key < $1.key }) {
            number(position)
            document(tracker)
        }
        hardware(batch.hardware)
        data(batch.metricJSON)
        flag(batch.oversubscribesMemory)
    }

    mutating func hardware(_ hardware: [Int: AssignedHardware]) {
        number(hardware.count)
        for (position, assigned) in hardware.sorted(by: { $0.key < $1.key }) {
            number(position)
            document(assigned)
        }
    }
}

extension ByteReader {
    mutating func plans() throws(CodecError) -> [Plan] {
        var plans: [Plan] = []
        for _ in 0..<(try count(elementSize: 1)) {
            var framed = try framed()
            plans.append(try framed.plan())
        }
        return plans
    }

    private mutating func plan() throws(CodecError) -> Plan {
        var plan = Plan()
        plan.evalID = try id()
        plan.priority = Int(try signed())
        plan.namespace = try text()
        plan.jobID = try text()
        plan.jobVersion = try number()
        plan.snapshotIndex = try number()
        plan.allAtOnce = try flag()
        plan.createTime = try time()
        plan.inPlaceUpdates = try ids()
        for _ in 0..<(try count(elementSize: 51)) { plan.stops.append(try stop()) }
        for _ in 0..<(try count(elementSize: 1)) {
            var framed = try framed()
            plan.placements.append(try framed.batch())
        }
        if !isAtEnd { plan.ending = try list(of: Evaluation.self) }
        return plan
    }

    private mutating func stop() throws(CodecError) -> PlannedStop {
        let id = try id()
        let desired = AllocationDesiredStatus(code: try byte())
        let description = try text()
        let client = try byte()
        let status = client == 0 ? nil : AllocationClientStatus(code: client - 1)
        let followup = try self.id()
        return PlannedStop(
            id: id, desiredStatus: desired, description: description, clientStatus: status, followupEvalID: followup,
            preemptedBy: try self.id())
    }

    private mutating func batch() throws(CodecError) -> PlacementBatch {
        var batch = PlacementBatch()
        batch.taskGroup = try text()
        batch.gang = try number(as: UInt32.self)
        batch.ids = try column(of: ID.self)
        batch.nodes = try column(of: NodeRow.self)
        batch.nameIndexes = try column(of: UInt32.self)
        for _ in 0..<(try count(elementSize: 1)) { batch.portLabels.append(try text()) }
        batch.ports = try column(of: UInt16.self)
        batch.previous = try column(of: ID.self)
        batch.scores = try column(of: Float.self)
        for _ in 0..<(try count(elementSize: 3)) {
            let position = try number(as: Int.self)
            batch.rescheduleTrackers[position] = try document(RescheduleTracker.self)
        }
        batch.hardware = try hardware()
        batch.metricJSON = Array(try data())
        // Written without before memory could be oversubscribed.
        if !isAtEnd { batch.oversubscribesMemory = try flag() }
        let count = batch.ids.count
        guard batch.nodes.count == count, batch.nameIndexes.count == count,
            batch.ports.count == count * batch.portLabels.count, [0, count].contains(batch.previous.count),
            [0, count].contains(batch.scores.count), batch.hardware.keys.allSatisfy((0..<count).contains)
        else { throw error("columns of different lengths in group \"\(batch.taskGroup)\"") }
        return batch
    }

    /// The caller checks that positions lie within its batch.
    mutating func hardware() throws(CodecError) -> [Int: AssignedHardware] {
        var hardware: [Int: AssignedHardware] = [:]
        for _ in 0..<(try count(elementSize: 3)) {
            let position = try number(as: Int.self)
            hardware[position] = try document(AssignedHardware.self)
        }
        return hardware
    }
}
