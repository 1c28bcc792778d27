internal import Dispatch
internal import Glibc

/// Signals to this process as elements instead of what they do by themselves.
package enum SignalStream {
    /// The numbers of those of `signals` that come, from now on; several that were not read yet may be one.
    package static func of(_ signals: [Int32]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(16))
        let sources = Sources(signals) { continuation.yield($0) }
        continuation.onTermination = { _ in sources.cancel() }
        return stream
    }

    /// Dispatch's functions may be called from any thread.
    private final class Sources: @unchecked Sendable {
        private let all: [any DispatchSourceSignal]

        init(_ signals: [Int32], _ came: @escaping @Sendable (Int32) -> Void) {
            all = signals.map { number in
                // What it does by itself would happen beside the source. SIGWINCH does nothing.
                if number != SIGWINCH { Glibc.signal(number, SIG_IGN) }
                let source = DispatchSource.makeSignalSource(signal: number)
                source.setEventHandler { came(number) }
                source.activate()
                return source
            }
        }

        func cancel() { for source in all { source.cancel() } }
    }
}
