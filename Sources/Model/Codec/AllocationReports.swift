package import Basics

/// What clients report of their allocations.
package struct AllocationReports: Sendable, Equatable {
    package var reports: [PackedAllocationUpdate]
    package var time: Timestamp

    package init(reports: [PackedAllocationUpdate], time: Timestamp) {
        self.reports = reports
        self.time = time
    }

    /// Packs what clients sent.
    package init(updates: [AllocationUpdate], time: Timestamp) {
        self.init(reports: updates.map(PackedAllocationUpdate.init), time: time)
    }
}

/// One allocation's report, its task states packed.
package struct PackedAllocationUpdate: Sendable, Equatable {
    package var id: ID
    package var clientStatus: AllocationClientStatus
    package var report: PackedTaskStates
    package var deploymentStatus: AllocationDeploymentStatus?
    package var networkStatus: AllocationNetworkStatus?

    package init(_ update: AllocationUpdate) {
        id = update.id
        clientStatus = update.clientStatus
        let states = AllocationReport(clientDescription: update.clientDescription, taskStates: update.taskStates)
        report = PackedTaskStates(states)
        deploymentStatus = update.deploymentStatus
        networkStatus = update.networkStatus
    }

    package init(id: ID, clientStatus: AllocationClientStatus, report: PackedTaskStates) {
        self.id = id
        self.clientStatus = clientStatus
        self.report = report
    }
}

extension ByteWriter {
    /// Clients' reports; each different shape of task states is written once.
    package mutating func reports(_ reports: AllocationReports) {
        time(reports.time)
        var numbers: [[UInt8]: Int] = [:]
        var shapes: [[UInt8]] = []
        // Neighbours are mostly alike, and comparing is cheaper than hashing.
        let shapeNumbers = reports.reports.map { report -> Int in
            let shape = report.report.shape
            if let last = shapes.last, last == shape { return shapes.count - 1 }
            if let known = numbers[shape] { return known }
            numbers[shape] = shapes.count
            shapes.append(shape)
            return shapes.count - 1
        }
        number(shapes.count)
        for shape in shapes { data(shape) }
        number(reports.reports.count)
        for (report, shape) in zip(reports.reports, shapeNumbers) {
            id(report.id)
            byte(report.clientStatus.code)
            number(shape)
            number(report.report.times.count)
            var base: Int64 = 0
            for time in report.report.times {
                signed(time &- base)
                base = time
            }
            optional(report.deploymentStatus)
            optional(report.networkStatus)
        }
    }
}

extension ByteReader {
    package mutating func reports() throws(CodecError) -> AllocationReports {
        let time = try time()
        var shapes: [[UInt8]] = []
        for _ in 0..<(try count(elementSize: 1)) { shapes.append(Array(try data())) }
        var reports: [PackedAllocationUpdate] = []
        let count = try count(elementSize: 20)
        reports.reserveCapacity(count)
        for _ in 0..<count { reports.append(try report(shapes)) }
        return AllocationReports(reports: reports, time: time)
    }

    private mutating func report(_ shapes: [[UInt8]]) throws(CodecError) -> PackedAllocationUpdate {
        let id = try id()
        let status = AllocationClientStatus(code: try byte())
        let shape = try number(as: Int.self)
        guard shape < shapes.count else { throw error("shape \(shape) of \(shapes.count)") }
        var times: [Int64] = []
        var base: Int64 = 0
        for _ in 0..<(try count(elementSize: 1)) {
            base &+= try signed()
            times.append(base)
        }
        let packed = PackedTaskStates(shape: shapes[shape], times: times)
        var update = PackedAllocationUpdate(id: id, clientStatus: status, report: packed)
        update.deploymentStatus = try optional(AllocationDeploymentStatus.self)
        update.networkStatus = try optional(AllocationNetworkStatus.self)
        return update
    }
}
