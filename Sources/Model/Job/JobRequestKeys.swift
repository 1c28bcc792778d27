public import Basics

/// The keys of the API's requests about a job: the job, and what stands beside it.
public enum JobRequestKeys {
    /// Beside `Job` in the body of a registration, plan or validation (SURFACE §7), those without a meaning here included; the
    /// last ones are Drover's own.
    private static let beside = [
        "Job", "Submission", "EnforceIndex", "JobModifyIndex", "PolicyOverride", "PreserveCounts", "PreserveResources",
        "EvalPriority", "Diff", "Region", "Namespace", "SecretID", "AuthToken", "Placement", "Nodes",
    ]

    /// Keys nobody will read, of a request or of a job alone.
    public static func unknown(in body: JSON) -> UnknownKeys {
        guard let object = body.object,
            let job = object.members.last(where: { $0.key.lowercased() == "job" && $0.value.object != nil })
        else { return UnknownKeys(in: body, readAs: Job.self) }
        var found = UnknownKeys()
        found.check(object, against: beside)
        found.inside(.key(job.key), job.value, readAs: Job.self)
        return found
    }

    /// A warning for each key of a request that reading it passed over so many times; a walk over the request is made only then.
    public static func warnings(for body: JSON, passedOver: Int) -> [String] {
        passedOver == 0 ? [] : warnings(of: unknown(in: body))
    }

    /// A warning for each of them that is kept, and one for the rest.
    private static func warnings(of keys: UnknownKeys) -> [String] {
        guard keys.count > 0 else { return [] }
        let more = keys.count - keys.paths.count
        return keys.paths.map { "unknown key \($0) is ignored" }
            + (more > 0 ? ["\(more) more unknown keys are ignored"] : [])
    }
}
