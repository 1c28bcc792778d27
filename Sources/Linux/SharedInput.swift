package import Basics
internal import Glibc

/// A descriptor that others share, such as standard input, so that it cannot be made non-blocking: it is waited for on a thread.
///
/// Files and devices that cannot be polled are read at once. One reader at a time.
package final class SharedInput: Sendable {
    private let number: Int32
    private let blocking: any BlockingExecutor
    /// Wakes the reader of a cancelled task.
    private let wake: (read: FileDescriptor, write: FileDescriptor)

    package init(_ number: Int32, blocking: any BlockingExecutor) throws(LinuxError) {
        self.number = number
        self.blocking = blocking
        wake = try FileDescriptor.pipe()
    }

    /// The next bytes, at most `count`; empty at the end. Throws `CancellationError` once its task has been cancelled, for good.
    package func read(count: Int) async throws -> [UInt8] {
        let bytes = try await withTaskCancellationHandler {
            try await blocking.run { try self.readBlocking(count) }
        } onCancel: {
            try? wake.write.write([0])
        }
        guard let bytes else { throw CancellationError() }
        return bytes
    }

    private func readBlocking(_ count: Int) throws -> [UInt8]? {
        while true {
            var entries = [
                pollfd(fd: number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake.read.number, events: Int16(POLLIN), revents: 0),
            ]
            try systemCall("poll") { poll(&entries, nfds_t(entries.count), -1) }
            guard entries[1].revents == 0 else { return nil }
            var bytes = [UInt8](repeating: 0, count: count)
            let got = Glibc.read(number, &bytes, count)
            if got < 0, [EAGAIN, EINTR].contains(errno) { continue }
            // EIO: the terminal is gone.
            return got > 0 ? Array(bytes.prefix(got)) : []
        }
    }
}
