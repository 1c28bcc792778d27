internal import DroverSDK
internal import Glibc

/// One conversation with a virtual machine's monitor, in the QEMU Machine Protocol (docs/interop/qmp-spec.txt).
///
/// The socket is reached through its folder's descriptor, so its path may be longer than a socket's address holds (108 bytes,
/// unix(7)). The monitor serves one client at a time: a conversation is short.
struct MachineMonitor {
    /// The host's folder of the socket.
    let folder: String

    private static let secondsMax = 5
    private static let bytesMax = 1 << 20

    /// Asks for `command` and returns what it answers.
    ///
    /// - Throws: ``PluginError`` when the monitor cannot be reached, does not answer in time, or refuses.
    @discardableResult
    func ask(_ command: String) throws(PluginError) -> JSON {
        let descriptor = try connect()
        defer { close(descriptor) }
        var conversation = Conversation(descriptor: descriptor)
        _ = try conversation.next { $0["QMP"] }
        _ = try conversation.ask("qmp_capabilities")
        return try conversation.ask(command)
    }

    private func connect() throws(PluginError) -> Int32 {
        let parent = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard parent >= 0 else { throw failed("cannot open \(folder)") }
        defer { close(parent) }
        var status = stat()
        guard fstatat(parent, QemuCommand.monitorSocket, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw failed("the virtual machine has no monitor")
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw PluginError(.io, "\(folder)/\(QemuCommand.monitorSocket) is no socket")
        }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw failed("cannot make a socket") }
        var limit = timeval(tv_sec: MachineMonitor.secondsMax, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = "/proc/self/fd/\(parent)/\(QemuCommand.monitorSocket)"
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else {
            let error = failed("cannot reach the virtual machine's monitor")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private func failed(_ what: String) -> PluginError {
        PluginError(.io, "\(what): \(String(cString: strerror(errno)))")
    }

    /// Lines of JSON, both ways.
    private struct Conversation {
        let descriptor: Int32
        private var received: [UInt8] = []
        private var total = 0

        init(descriptor: Int32) { self.descriptor = descriptor }

        mutating func ask(_ command: String) throws(PluginError) -> JSON {
            let request: JSON = ["execute": .string(command)]
            var rest = Array((request.text + "\n").utf8)[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { throw PluginError(.io, "the virtual machine's monitor does not listen") }
                rest = rest.dropFirst(count)
            }
            // Events come in between; they have neither member.
            let answer = try next { $0["return"] != nil || $0["error"] != nil ? $0 : nil }
            guard let error = answer["error"] else { return answer["return"] ?? .null }
            throw PluginError(.state, "the virtual machine refuses \(command): \(error["desc"]?.string ?? error.text)")
        }

        /// The first message of which `part` is something.
        mutating func next(_ part: (JSON) -> JSON?) throws(PluginError) -> JSON {
            while true {
                if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: received[..<end], as: UTF8.self)
                    received.removeSubrange(...end)
                    if let message = try? JSON(parsing: line), let found = part(message) { return found }
                    continue
                }
                var chunk = [UInt8](repeating: 0, count: 4_096)
                let count = recv(descriptor, &chunk, chunk.count, 0)
                if count < 0 && errno == EINTR { continue }
                total += max(0, count)
                guard count > 0, total <= MachineMonitor.bytesMax else {
                    throw PluginError(.io, "the virtual machine's monitor does not answer")
                }
                received.append(contentsOf: chunk[..<count])
            }
        }
    }
}
