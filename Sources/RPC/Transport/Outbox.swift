internal import NIOCore
internal import Synchronization

/// What waits to be written to one connection. Any thread adds; one write carries all that was added meanwhile, which
/// is where the
/// throughput comes from.
final class Outbox: Sendable {
    private let bytesMax: Int
    private let state = Mutex(State())

    private struct State {
        var buffer = ByteBuffer()
        /// Handed to the channel, not yet on the wire.
        var flushing = 0
        var isScheduled = false
        var phase = Phase.waiting
    }

    private enum Phase {
        /// Frames gather until there is a channel.
        case waiting
        case open(any Channel)
        case closed
    }

    private enum Action {
        case none
        case schedule(any Channel)
        case overflow(any Channel)
    }

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Adds frames with `write` and sees to it that they go out.
    ///
    /// - Returns: false when the connection is closed, or over its limit and therefore being closed.
    @discardableResult
    func add(_ write: (inout ByteBuffer) -> Void) -> Bool {
        let action: Action? = state.withLock { state in
            if case .closed = state.phase { return nil }
            write(&state.buffer)
            let isOver = state.buffer.readableBytes + state.flushing > bytesMax
            guard case .open(let channel) = state.phase else { return isOver ? nil : Action.none }
            if isOver { return .overflow(channel) }
            guard !state.isScheduled else { return Action.none }
            state.isScheduled = true
            return .schedule(channel)
        }
        switch action {
        case nil: return false
        case .some(.none): return true
        case .some(.schedule(let channel)):
            channel.eventLoop.execute { self.flush(channel) }
            return true
        case .some(.overflow(let channel)):
            close()
            channel.close(promise: nil)
            return false
        }
    }

    /// Frames go to `channel` from now on; those that waited go first.
    func open(_ channel: any Channel) {
        state.withLock { state in
            guard case .waiting = state.phase else { return }
            state.phase = .open(channel)
            state.isScheduled = true
        }
        flush(channel)
    }

    /// Closes the connection, if there is one yet.
    func closeChannel() {
        let phase = state.withLock { $0.phase }
        if case .open(let channel) = phase { channel.close(promise: nil) }
        close()
    }

    func close() {
        state.withLock { state in
            state.phase = .closed
            state.buffer = ByteBuffer()
        }
    }

    private func flush(_ channel: any Channel) {
        let buffer = state.withLock { state in
            state.isScheduled = false
            let buffer = state.buffer
            state.buffer = channel.allocator.buffer(capacity: min(buffer.readableBytes, 64 << 10))
            state.flushing += buffer.readableBytes
            return buffer
        }
        guard buffer.readableBytes > 0 else { return }
        channel.writeAndFlush(buffer).whenComplete { _ in
            self.state.withLock { $0.flushing -= buffer.readableBytes }
        }
    }
}
