/// When something last happened to jobs.
struct JobLog: Sendable {
    /// Jobs remembered. Beyond that all are forgotten at once, and it counts as having happened to each until then.
    static let jobsMax = 4_096

    private var indexes: [JobName: UInt64] = [:]
    private var forgottenIndex: UInt64 = 0

    mutating func note(_ job: JobName, index: UInt64) {
        if indexes[job] == nil, indexes.count >= Self.jobsMax {
            indexes = [:]
            forgottenIndex = index
        }
        indexes[job] = index
    }

    /// 0 for never.
    func index(of job: JobName) -> UInt64 { indexes[job] ?? forgottenIndex }
}
