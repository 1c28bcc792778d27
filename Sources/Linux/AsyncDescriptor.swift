internal import Dispatch
internal import Glibc
internal import Synchronization

/// A pipe, socket or terminal that is read and written without blocking a thread.
///
/// One reader and one writer at a time. Waiting ends with `CancellationError` when its task is cancelled.
package final class AsyncDescriptor: Sendable {
    private struct State {
        /// Reading ends where it would have to wait.
        var endsWhenDry = false
        var waiting: [Source] = []
    }

    private let file: FileDescriptor
    private let state = Mutex(State())

    /// Takes over `file`, and makes what it refers to non-blocking for all who share it.
    package init(_ file: FileDescriptor) throws(LinuxError) {
        self.file = file
        let flags = try systemCall("fcntl") { fcntl(file.number, F_GETFL) }
        try systemCall("fcntl") { fcntl(file.number, F_SETFL, flags | O_NONBLOCK) }
    }

    package var number: Int32 { file.number }

    /// The next bytes, at most `count`; empty at the end, which for a terminal is that nobody has its other side open any more.
    package func read(count: Int) async throws -> [UInt8] {
        while true {
            let isLast = state.withLock { $0.endsWhenDry }
            if let bytes = try readNow(count) { return bytes }
            if isLast { return [] }
            try await ready(Source(DispatchSource.makeReadSource(fileDescriptor: file.number)))
        }
    }

    /// Nil when there is nothing to read yet.
    private func readNow(_ count: Int) throws(LinuxError) -> [UInt8]? {
        do {
            return try file.read(count: count)
        } catch {
            // A terminal whose other side is closed.
            if error.errno == EIO { return [] }
            guard error.errno == EAGAIN else { throw error }
            return nil
        }
    }

    /// Writes all bytes.
    package func write(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try writeNow(rest)
            rest = rest.dropFirst(count)
            if count == 0 { try await ready(Source(DispatchSource.makeWriteSource(fileDescriptor: file.number))) }
        }
    }

    /// How many bytes were taken; 0 when there is no room yet.
    private func writeNow(_ bytes: ArraySlice<UInt8>) throws(LinuxError) -> Int {
        do {
            return try systemCall("write") {
                bytes.withUnsafeBytes { Glibc.write(file.number, $0.baseAddress, $0.count) }
            }
        } catch {
            guard error.errno == EAGAIN else { throw error }
            return 0
        }
    }

    /// From now on reading ends once what is there has been read: for when whoever wrote has ended, though others may still
    /// have the other side open.
    package func endWhenDry() {
        let waiting = state.withLock { state in
            state.endsWhenDry = true
            return state.waiting
        }
        for source in waiting { source.cancel() }
    }

    /// Waits until the source has fired or was cancelled.
    private func ready(_ source: Source) async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                source.begin { [file] in
                    // The descriptor stays open until the source has let go of it.
                    withExtendedLifetime(file) { continuation.resume() }
                }
                let isLate = state.withLock { state in
                    state.waiting.append(source)
                    return state.endsWhenDry
                }
                if isLate { source.cancel() }
            }
        } onCancel: {
            source.cancel()
        }
        state.withLock { $0.waiting.removeAll { $0 === source } }
        try Task.checkCancellation()
    }
}

/// A source of Dispatch that fires once or is cancelled; Dispatch's own functions may be called from any thread.
private final class Source: @unchecked Sendable {
    private let source: any DispatchSourceProtocol

    init(_ source: any DispatchSourceProtocol) { self.source = source }

    /// Calls `ended` once, on a thread of Dispatch's.
    func begin(_ ended: @escaping @Sendable () -> Void) {
        source.setEventHandler { self.source.cancel() }
        source.setCancelHandler(handler: ended)
        source.activate()
    }

    func cancel() { source.cancel() }
}
