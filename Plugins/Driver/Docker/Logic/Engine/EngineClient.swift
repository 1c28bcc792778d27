internal import DroverSDK

/// Speaks the Engine API. Each request has a connection of its own, so none waits for another.
struct EngineClient: Sendable {
    let endpoint: Endpoint
    let transportSecurity: TransportSecurity?
    let loop: EventLoop
    let clock: Clock

    /// Bytes of an answer that is read as a whole.
    static let answerBytesMax = 1 << 20

    /// An answer that has been read as a whole.
    struct Answer: Sendable {
        var status: Int
        /// `.null` when there was none.
        var json: JSON

        var isSuccess: Bool { (200..<300).contains(status) || status == 304 }

        /// What the engine has to say about a failure.
        var message: String { json["message"]?.string ?? "status \(status)" }
    }

    /// Sends a request and reads its answer, whatever its status.
    ///
    /// - Throws: ``PluginError/Code/retry`` when the engine cannot be reached, or does not answer within `seconds`.
    func ask(_ request: EngineRequest, seconds: Int64 = 60) async throws -> Answer {
        try await clock.limit(seconds: seconds, "the engine did not answer \(request.method) \(request.path)") {
            let stream = try await open(request)
            defer { stream.close() }
            let bytes = try await stream.all(max: EngineClient.answerBytesMax)
            let text = String(decoding: bytes, as: UTF8.self)
            return Answer(status: stream.head.status, json: text.isEmpty ? .null : (try? JSON(parsing: text)) ?? .null)
        }
    }

    /// The same; an answer that is no success is thrown as `notFound`, `state`, `invalid` or `io` with `what` failed.
    @discardableResult
    func demand(_ request: EngineRequest, _ what: String, seconds: Int64 = 60) async throws -> JSON {
        let answer = try await ask(request, seconds: seconds)
        guard answer.isSuccess else { throw EngineClient.failure(answer.status, answer.message, what) }
        return answer.json
    }

    /// What `select` makes of the elements of a list, which may be of any length.
    ///
    /// - Throws: as ``demand(_:_:seconds:)``.
    func list<Item: Sendable>(
        _ request: EngineRequest, _ what: String, _ select: @escaping @Sendable (JSON) -> Item?
    ) async throws -> [Item] {
        try await clock.limit(seconds: 60, "the engine did not answer \(request.method) \(request.path)") {
            let stream = try await open(request)
            defer { stream.close() }
            guard stream.head.status == 200 else {
                let bytes = try await stream.all(max: EngineClient.answerBytesMax)
                let message = (try? JSON(parsing: String(decoding: bytes, as: UTF8.self)))?["message"]?.string
                throw EngineClient.failure(
                    stream.head.status, message ?? "status \(stream.head.status)", what)
            }
            var (elements, items) = (JSONElements(), [Item]())
            while case let part = try await stream.next(), !part.isEmpty {
                items += try elements.feed(part).compactMap(select)
            }
            return items
        }
    }

    static func failure(_ status: Int, _ message: String, _ what: String) -> PluginError {
        let code: PluginError.Code =
            switch status {
            case 400: .invalid
            case 401, 403: .denied
            case 404: .notFound
            case 409: .state
            // As of logs, where the container's logging driver keeps none.
            case 501: .unsupported
            default: .retry
            }
        return PluginError(code, "\(what): \(message)")
    }

    /// Sends a request and reads the head of its answer; the caller closes it. Nothing limits how long it takes.
    func open(_ request: EngineRequest) async throws -> ResponseStream {
        try await open(request) { _ in }
    }

    /// The same with a body that `write` sends after the head.
    func open(
        _ request: EngineRequest, writing write: (any ByteStream) async throws -> Void
    ) async throws -> ResponseStream {
        let connection = try await connect()
        do {
            try await connection.write(request.bytes(host: endpoint.host))
            try await write(connection)
            return try await ResponseStream.open(connection)
        } catch {
            connection.close()
            throw error
        }
    }

    private func connect() async throws -> any ByteStream {
        let socket = try await endpoint.connect(on: loop)
        guard let transportSecurity, case .tcp(let host, _, _) = endpoint else { return socket }
        return try await transportSecurity.secure(socket, host: host, loop: loop)
    }
}

extension Clock {
    /// Runs `body`; after so many seconds it is cancelled and `retry` is thrown with `what`.
    func limit<Value: Sendable>(
        seconds: Int64, _ what: String, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await pause(nanoseconds: seconds * 1_000_000_000)
                throw PluginError(.retry, "\(what) within \(seconds) s")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    /// Returns after a while; throws `CancellationError` when cancelled before.
    func pause(nanoseconds: Int64) async throws {
        let timer = Timer()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let pending = PendingCall { result in
                    switch result {
                    case .success: continuation.resume()
                    case .failure(let error) where error.code != .cancelled: continuation.resume(throwing: error)
                    case .failure: continuation.resume(throwing: CancellationError())
                    }
                }
                sleep(nanoseconds: nanoseconds, call: pending.call)
                timer.set(pending)
            }
        } onCancel: {
            timer.cancel()
        }
    }
}
