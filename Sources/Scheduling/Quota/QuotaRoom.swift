package import Model
package import StateStore

/// What the quota of a job's namespace still has room for, while placements are counted against it.
package struct QuotaRoom: Sendable {
    /// The quota's name.
    let quota: String
    /// `Int64.max` where there is no limit.
    private let limits: ResourceVector
    private var used: ResourceVector

    /// What quotas count.
    private static let dimensions: [ResourceDimension] = [.cpu, .cores, .memory, .memoryMax]

    /// Nil when the job's namespace names no quota, or one without a limit for the job's region.
    init?(_ job: Job, snapshot: Snapshot) {
        guard let name = snapshot.namespace(job.namespace)?.quota, !name.isEmpty,
            let limit = snapshot.quota(name)?.limit(region: job.region)?.regionLimit
        else { return nil }
        quota = name
        limits = limit.bounds
        used = snapshot.held(quota: name)
    }

    /// What is left of a quota in a region; nil where it sets no limit.
    package static func left(quota name: String, region: String, snapshot: Snapshot) -> ResourceVector? {
        guard let limit = snapshot.quota(name)?.limit(region: region)?.regionLimit else { return nil }
        var left = limit.bounds
        let used = snapshot.held(quota: name)
        if left.cpu != .max { left.cpu -= used.cpu }
        if left.cores != .max { left.cores -= used.cores }
        if left.memory != .max { left.memory -= used.memory }
        if left.memoryMax != .max { left.memoryMax -= used.memoryMax }
        return left
    }

    /// Counts amounts as used, or gives back what is negative in them.
    mutating func take(_ amounts: ResourceVector) { used += amounts }

    /// Counts amounts as used no more.
    mutating func give(_ amounts: ResourceVector) { used -= amounts }

    /// The dimensions in which there is no room for `amounts`. What takes nothing more in a dimension always fits in it,
    /// even when the limit was lowered below what is used.
    func shortages(_ amounts: ResourceVector) -> [ResourceDimension] {
        Self.dimensions.filter { amounts[$0] > 0 && amounts[$0] > left($0) }
    }

    /// What is lacking, as `AllocationMetric.QuotaExhausted` has it: `cpu: 500 MHz asked, 200 MHz left`.
    func label(_ dimension: ResourceDimension, asked: ResourceVector) -> String {
        let unit = dimension.unit
        return "\(dimension.label): \(asked[dimension]) \(unit) asked, \(max(0, left(dimension))) \(unit) left"
    }

    private func left(_ dimension: ResourceDimension) -> Int64 {
        limits[dimension] == .max ? .max : limits[dimension] - used[dimension]
    }
}

extension QuotaResources {
    /// As amounts that may be reached but not exceeded.
    fileprivate var bounds: ResourceVector {
        var bounds = ResourceVector()
        bounds.cpu = Self.bound(cpu)
        bounds.cores = Self.bound(cores)
        bounds.memory = Self.bound(memoryMB)
        bounds.memoryMax = Self.bound(memoryMaxMB)
        return bounds
    }

    private static func bound(_ limit: Int) -> Int64 { limit == 0 ? .max : Int64(max(0, limit)) }
}
