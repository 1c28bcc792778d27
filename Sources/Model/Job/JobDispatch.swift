public import Basics

/// What a dispatch brings for an instance of a parameterized job (Nomad docs: parameterized).
public struct JobDispatch: Document {
    /// The largest payload, in bytes before it is written as base64.
    public static let payloadBytesMax = 16 << 10

    /// Base64 text.
    public var payload = ""
    public var meta: [String: String] = [:]
    /// Text between `dispatch-` and the rest of the instance's ID.
    public var idPrefixTemplate = ""
    /// Of the instance; 0 is the parameterized job's.
    public var priority = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Payload", &payload)
        try visitor.field("Meta", &meta)
        try visitor.field("IdPrefixTemplate", &idPrefixTemplate)
        try visitor.field("Priority", &priority)
    }

    /// Why `job` does not take this; empty when it does. Priorities are at most `priorityMax`.
    public func faults(for job: Job, priorityMax: Int) -> [String] {
        guard let wanted = job.parameterizedJob, job.isParameterized else {
            return ["job \"\(job.id)\" is not parameterized, so it is not dispatched but run"]
        }
        var faults: [String] = []
        if job.stop { faults.append("job \"\(job.id)\" is stopped; run it again before it is dispatched") }
        faults += payloadFaults(wanted)
        let missing = wanted.metaRequired.filter { meta[$0] == nil }.sorted()
        if !missing.isEmpty { faults.append("required meta keys are missing: \(missing.joined(separator: ", "))") }
        let allowed = Set(wanted.metaRequired + wanted.metaOptional)
        let unknown = meta.keys.filter { !allowed.contains($0) }.sorted()
        if !unknown.isEmpty {
            let known = allowed.isEmpty ? "none" : allowed.sorted().joined(separator: ", ")
            faults.append("meta keys that the job does not take: \(unknown.joined(separator: ", ")); it takes \(known)")
        }
        if priority < 0 || priority > priorityMax {
            faults.append("priority \(priority) is not between 1 and \(priorityMax), nor 0 for the job's")
        }
        return faults
    }

    private func payloadFaults(_ wanted: ParameterizedJobConfig) -> [String] {
        guard let bytes = Base64.decode(payload) else { return ["the payload is not base64"] }
        if bytes.count > JobDispatch.payloadBytesMax {
            return ["the payload has \(bytes.count) bytes, and may have \(JobDispatch.payloadBytesMax)"]
        }
        switch wanted.payload {
        case "required" where bytes.isEmpty: return ["the job requires a payload"]
        case "forbidden" where !bytes.isEmpty: return ["the job takes no payload"]
        default: return []
        }
    }

    /// The ID of an instance made at `time`; `suffix` tells those of one second apart.
    public func instanceID(of job: Job, time: Timestamp, suffix: String) -> String {
        let prefix = idPrefixTemplate.isEmpty ? "" : idPrefixTemplate + "-"
        return "\(job.id)\(Job.dispatchMark)\(prefix)\(time.nanoseconds / 1_000_000_000)-\(suffix)"
    }

    /// The instance to register; `token` is the same for a dispatch that is tried again.
    public func instance(of job: Job, id: String, token: String) -> Job {
        var instance = job
        instance.id = id
        instance.name = id
        instance.parentID = job.id
        instance.dispatched = true
        instance.dispatchIdempotencyToken = token
        instance.payload = payload.isEmpty ? nil : payload
        instance.meta.merge(meta) { $1 }
        if priority > 0 { instance.priority = priority }
        instance.statusDescription = ""
        return instance
    }
}

extension Job {
    /// Between the ID of a parameterized job and the rest of an instance's.
    public static let dispatchMark = "/dispatch-"

    /// Whether it runs only what is dispatched of it.
    public var isParameterized: Bool { parameterizedJob != nil && !dispatched }

    /// Whether it is not placed itself, but others that are made after it.
    public var isTemplate: Bool { periodic != nil || isParameterized }
}
