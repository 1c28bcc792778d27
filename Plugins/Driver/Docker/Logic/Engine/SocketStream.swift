internal import DroverSDK
internal import Glibc

/// A plain connection over a socket.
final class SocketStream: ByteStream {
    let descriptor: Int32
    private let loop: EventLoop

    /// Takes over a connected socket that does not block.
    init(descriptor: Int32, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    func read(max: Int) async throws -> [UInt8] {
        while true {
            var buffer = [UInt8](repeating: 0, count: max)
            let count = recv(descriptor, &buffer, max, 0)
            if count >= 0 { return Array(buffer.prefix(count)) }
            switch errno {
            case EAGAIN: try await loop.ready(descriptor, .input)
            case EINTR: continue
            default: throw SystemError.make("recv", "the engine's socket")
            }
        }
    }

    func write(_ bytes: [UInt8]) async throws {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                send(
                    descriptor, buffer.baseAddress.map { $0 + done }, bytes.count - done, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                done += count
                continue
            }
            switch errno {
            case EAGAIN: try await loop.ready(descriptor, .output)
            case EINTR: continue
            default: throw SystemError.make("send", "the engine's socket")
            }
        }
    }

    func finishWriting() async throws { shutdown(descriptor, Int32(SHUT_WR)) }

    func close() { Glibc.close(descriptor) }
}

/// Errors of system calls, with call, object and reason.
enum SystemError {
    static func make(_ call: String, _ object: String, _ number: Int32 = errno) -> PluginError {
        PluginError(.retry, "\(call) \(object): \(String(cString: strerror(number)))")
    }
}
