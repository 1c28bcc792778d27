internal import APIClient
internal import JobSpec
internal import Model

/// A job as it was read, and where its parts stand in the file.
struct ReadJob: Sendable {
    let job: Job
    /// Nil when the file is JSON.
    var places: ConfigPlaces?

    /// A server's words about the job, with the line in front of each fault in a task's `config`.
    func located(_ text: String) -> String {
        guard let places else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            guard let fault = ConfigurationFault(line), let range = places.range(of: fault) else { return String(line) }
            return line.prefix { $0 == "\t" || $0 == "*" || $0 == " " } + "\(range): \(fault)"
        }.joined(separator: "\n")
    }

    /// The answer to a request about the job; what a server refuses is told with its lines.
    func asking<Answer>(_ request: () async throws -> Answer) async throws -> Answer {
        do {
            return try await request()
        } catch let error as APIError {
            throw APIError(status: error.status, message: located(error.message))
        }
    }
}
