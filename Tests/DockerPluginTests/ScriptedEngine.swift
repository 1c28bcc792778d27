import Glibc
import Synchronization

/// An engine that answers one connection after the other with given bytes, and closes each.
final class ScriptedEngine: Sendable {
    struct Failure: Error {}

    let socket: String
    private let seen = Mutex<[String]>([])

    /// The first line of each request.
    var requests: [String] { seen.withLock { $0 } }

    init(_ folder: String, _ answers: [[UInt8]]) throws {
        socket = folder + "/engine.sock"
        let listener = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socket.utf8.prefix($0.count - 1)) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0, listen(listener, 8) == 0 else { throw Failure() }
        let work = Work(listener: listener, answers: answers, engine: self)
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, Unmanaged.passRetained(work).toOpaque())
        pthread_detach(thread)
    }

    private final class Work: Sendable {
        let listener: Int32
        let answers: [[UInt8]]
        let engine: ScriptedEngine

        init(listener: Int32, answers: [[UInt8]], engine: ScriptedEngine) {
            (self.listener, self.answers, self.engine) = (listener, answers, engine)
        }

        func run() {
            for answer in answers {
                let connection = accept(listener, nil, nil)
                var buffer = [UInt8](repeating: 0, count: 8_192)
                let count = read(connection, &buffer, buffer.count)
                let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
                engine.seen.withLock { $0.append(String(text.prefix { $0 != "\r\n" })) }
                _ = answer.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                close(connection)
            }
            close(listener)
        }
    }
}
