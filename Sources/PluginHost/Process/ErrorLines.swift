internal import CDroverABI
internal import Glibc
internal import Linux
internal import Synchronization

/// What a plug-in's process writes to stderr: logged line by line under the plug-in's name, the last line kept for the crash report.
final class ErrorLines: Sendable {
    /// Longer lines are cut.
    static let lineBytesMax = 2 << 10

    private struct State {
        var partial: [UInt8] = []
        var last: String?
        var isOpen = true
    }

    private let services: any HostServices
    private let state = Mutex(State())

    init(services: any HostServices) { self.services = services }

    /// False once the other end has been closed.
    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// The last line that is not blank.
    var last: String? { state.withLock { $0.last } }

    /// Takes what is there; waits when there is nothing.
    func read(_ pipe: FileDescriptor) {
        guard let bytes = try? pipe.read(count: 16 << 10), !bytes.isEmpty else {
            return state.withLock { $0.isOpen = false }
        }
        let lines = state.withLock { state in ErrorLines.split(bytes, &state) }
        for line in lines {
            services.log(level: DROVER_LOG_WARN, message: line, fields: Array(#"{"stream":"stderr"}"#.utf8))
        }
    }

    /// Takes what is left of a process that has ended.
    func drain(_ pipe: FileDescriptor) {
        while isOpen {
            var poll = pollfd(fd: pipe.number, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, 0) > 0 else { return }
            read(pipe)
        }
    }

    private static func split(_ bytes: [UInt8], _ state: inout State) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte != UInt8(ascii: "\n") {
                if state.partial.count < lineBytesMax { state.partial.append(byte) }
                continue
            }
            let line = String(decoding: state.partial, as: UTF8.self)
            state.partial.removeAll(keepingCapacity: true)
            if line.contains(where: { !$0.isWhitespace }) {
                lines.append(line)
                state.last = line
            }
        }
        return lines
    }
}
