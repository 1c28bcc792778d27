package import CDroverABI
internal import Synchronization

/// The functions of the C table `drover_executor`, argument for argument: the host table binds them to an instance.
extension ShimExecutor {
    package func launch(_ task: drover_text, _ spec: drover_text, _ call: drover_call) {
        launch(task: bytes(task), spec: bytes(spec), call: TableCall(call))
    }

    package func recover(_ task: drover_text, _ handle: drover_text, _ call: drover_call) {
        recover(task: bytes(task), handle: bytes(handle), call: TableCall(call))
    }

    package func wait(_ id: drover_text, _ call: drover_call) { wait(id: text(id), call: TableCall(call)) }

    package func stop(_ id: drover_text, _ signal: drover_text, _ timeout: Int64, _ call: drover_call) {
        stop(id: text(id), signal: text(signal), timeoutNanoseconds: timeout, call: TableCall(call))
    }

    package func signal(_ id: drover_text, _ signal: drover_text, _ out: drover_sink) -> Int32 {
        reply(out) { () throws(ExecutorError) in
            try self.signal(id: text(id), signal: text(signal))
            return []
        }
    }

    package func exec(
        _ id: drover_text, _ commandID: drover_text, _ request: drover_text, _ stdin: Int32, _ stdout: Int32,
        _ stderr: Int32, _ call: drover_call
    ) {
        exec(
            id: text(id), commandID: text(commandID), request: bytes(request), stdin: stdin, stdout: stdout,
            stderr: stderr, call: TableCall(call))
    }

    package func resize(_ commandID: drover_text, _ rows: Int32, _ columns: Int32, _ out: drover_sink) -> Int32 {
        reply(out) { () throws(ExecutorError) in
            try resize(commandID: text(commandID), rows: rows, columns: columns)
            return []
        }
    }

    package func stats(_ ids: drover_text, _ out: drover_sink) -> Int32 {
        reply(out) { () throws(ExecutorError) in stats(ids: text(ids)) }
    }

    package func destroy(_ id: drover_text, _ force: Int32, _ out: drover_sink) -> Int32 {
        reply(out) { () throws(ExecutorError) in
            try destroy(id: text(id), force: force != 0)
            return []
        }
    }

    package func inspect(_ id: drover_text, _ out: drover_sink) -> Int32 {
        reply(out) { () throws(ExecutorError) in [try inspect(id: text(id))] }
    }

    private func bytes(_ borrowed: drover_bytes) -> [UInt8] {
        Array(UnsafeBufferPointer(start: borrowed.data, count: Int(borrowed.length)))
    }

    private func text(_ borrowed: drover_text) -> String { String(decoding: bytes(borrowed), as: UTF8.self) }

    /// Runs `body` and writes its parts, or the message of its error, to `out`.
    private func reply(_ out: drover_sink, _ body: () throws(ExecutorError) -> [[UInt8]]) -> Int32 {
        do {
            for part in try body() {
                let code = write(part, to: out)
                if code != DROVER_OK { return code }
            }
            return DROVER_OK
        } catch {
            _ = write(Array(error.message.utf8), to: out)
            return error.code
        }
    }

    private func write(_ content: [UInt8], to out: drover_sink) -> Int32 {
        guard let write = out.write else { return DROVER_OK }
        return content.withUnsafeBufferPointer {
            write(out.context, drover_bytes(data: $0.baseAddress, length: UInt64($0.count)))
        }
    }
}

/// A `drover_call` of the ABI: its functions may be called from any thread until it is completed.
private final class TableCall: ExecutorCall, @unchecked Sendable {
    private let raw: drover_call
    private let notify = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ raw: drover_call) { self.raw = raw }

    func complete(_ code: Int32, _ result: [UInt8]) {
        guard let complete = raw.functions?.pointee.complete else { return }
        result.withUnsafeBufferPointer {
            complete(raw.context, code, drover_bytes(data: $0.baseAddress, length: UInt64($0.count)))
        }
        // Types.h: the argument is not used after `complete` has returned, so this object may go.
        let registered = notify.withLock { notify in
            defer { notify = nil }
            return notify != nil
        }
        if registered { Unmanaged.passUnretained(self).release() }
    }

    func onCancel(_ notify: @escaping @Sendable () -> Void) {
        guard let register = raw.functions?.pointee.on_cancel else { return }
        self.notify.withLock { $0 = notify }
        let argument = Unmanaged.passRetained(self).toOpaque()
        register(
            raw.context,
            { argument in
                guard let argument else { return }
                let call = Unmanaged<TableCall>.fromOpaque(argument).takeUnretainedValue()
                call.notify.withLock { $0 }?()
            }, argument)
    }
}
