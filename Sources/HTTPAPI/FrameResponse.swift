internal import AsyncAlgorithms
internal import Basics
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import RPC
internal import ServiceLifecycle

/// A streamed file as a response: framed JSON (`{"Data": base64, "File": ..., "Offset": ...}`, `{}` as heartbeat), or
/// plain bytes.
struct FrameResponse: Sendable {
    private let stream: any FileStream
    private let request: Request
    private let isPlain: Bool
    private let follow: Bool
    private let time: any TimeSource
    private let heartbeatInterval: Duration

    init(
        _ stream: any FileStream, _ request: APIRequest, _ endpoints: Endpoints, follow: Bool
    ) throws(CallError) {
        self.stream = stream
        self.request = request.request
        self.follow = follow
        isPlain = try request.query.flag("plain") ?? false
        time = endpoints.time
        heartbeatInterval = request.limits.heartbeatInterval
    }

    func response() -> APIResponse {
        var response = APIResponse(
            body: .stream { writer in
                try await stream.use {
                    guard follow else {
                        while let frame = try await stream.next() { try await writer.write(encoded(frame)) }
                        return
                    }
                    try await request.body.consumeWithCancellationOnInboundClose { _ in
                        try await pump(into: &writer)
                    }
                }
                try await writer.finish(nil)
            })
        response.headers[.contentType] = isPlain ? "text/plain; charset=utf-8" : "application/json"
        if follow { response.headers[.connection] = "close" }
        return response
    }

    private enum Beat: Sendable {
        case frame(FileFrame)
        case silence
    }

    /// Writes frames as they come and heartbeats between them, until the stream ends or the caller goes away.
    private func pump(into writer: inout any ResponseBodyWriter) async throws {
        // One beat at a time: the puller waits while the caller is slow, so nothing piles up here.
        let beats = AsyncThrowingChannel<Beat, any Error>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    while let frame = try await stream.next() { await beats.send(.frame(frame)) }
                    beats.finish()
                } catch {
                    beats.fail(error)
                }
            }
            group.addTask {
                while !isPlain {
                    try await time.sleep(for: heartbeatInterval)
                    await beats.send(.silence)
                }
            }
            group.addTask {
                try await gracefulShutdown()
                beats.finish()
            }
            defer { group.cancelAll() }
            for try await beat in beats {
                switch beat {
                case .frame(let frame): try await writer.write(encoded(frame))
                case .silence: try await writer.write(ByteBuffer(string: "{}"))
                }
            }
        }
    }

    private func encoded(_ frame: FileFrame) -> ByteBuffer {
        guard !isPlain else { return ByteBuffer(bytes: frame.data) }
        var json = JSONWriter(capacity: 128 + frame.data.count / 3 * 4)
        frame.write(to: &json)
        return ByteBuffer(bytes: json.bytes)
    }
}
