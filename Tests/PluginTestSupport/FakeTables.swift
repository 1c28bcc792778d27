public import CDroverABI
internal import DroverSDK
internal import Synchronization

/// The C tables of the fake host.
public enum FakeTables {
    /// What `create` is given. (Written once, read-only after, as all tables here.)
    nonisolated(unsafe) public static let host: UnsafePointer<drover_host> = {
        var table = drover_host()
        table.size = UInt32(MemoryLayout<drover_host>.size)
        table.get_interface = { id in
            switch String(cString: id) {
            case DROVER_LOG_1: UnsafeRawPointer(log)
            case DROVER_KV_1: UnsafeRawPointer(store)
            case DROVER_CLOCK_1: UnsafeRawPointer(clock)
            case DROVER_EXECUTOR_1: UnsafeRawPointer(executor)
            default: nil
            }
        }
        return keep(table)
    }()

    nonisolated(unsafe) private static let log: UnsafePointer<drover_log> = {
        var table = drover_log()
        table.size = UInt32(MemoryLayout<drover_log>.size)
        table.write = { level, message, fields in
            let line = "\(level) \(String(message)) \(String(fields))"
            FakeHost.current?.state.withLock { $0.logs.append(line) }
        }
        return keep(table)
    }()

    nonisolated(unsafe) private static let store: UnsafePointer<drover_kv> = {
        var table = drover_kv()
        table.size = UInt32(MemoryLayout<drover_kv>.size)
        table.get = { key, out in
            let key = String(key)
            guard let value = FakeHost.current?.state.withLock({ $0.store[key] }) else {
                return drover_reply(out, DROVER_E_NOT_FOUND, "no such key")
            }
            return value.withDroverBytes { out.write?(out.context, $0) ?? DROVER_OK }
        }
        table.put = { key, value in
            let (key, value) = (String(key), Array(value))
            FakeHost.current?.state.withLock { $0.store[key] = value }
            return DROVER_OK
        }
        table.remove = { key in
            let key = String(key)
            FakeHost.current?.state.withLock { $0.store[key] = nil }
            return DROVER_OK
        }
        table.list = { prefix, out in
            let prefix = String(prefix)
            let keys = FakeHost.current?.state.withLock { $0.store.keys.filter { $0.hasPrefix(prefix) }.sorted() } ?? []
            let list = Array(JSON.array(keys.map(JSON.string)).text.utf8)
            return list.withDroverBytes { out.write?(out.context, $0) ?? DROVER_OK }
        }
        return keep(table)
    }()

    nonisolated(unsafe) private static let clock: UnsafePointer<drover_clock> = {
        var table = drover_clock()
        table.size = UInt32(MemoryLayout<drover_clock>.size)
        table.monotonic_ns = { FakeHost.current?.state.withLock { $0.now } ?? 0 }
        table.wall_ns = { FakeHost.current?.state.withLock { $0.now } ?? 0 }
        table.random = { 4 }
        table.sleep = { delay, call in FakeHost.current?.sleep(delay, Call(call)) }
        return keep(table)
    }()

    nonisolated(unsafe) private static let executor: UnsafePointer<drover_executor> = {
        var table = drover_executor()
        table.size = UInt32(MemoryLayout<drover_executor>.size)
        table.launch = { task, spec, call in FakeHost.current?.launch(String(task), String(spec), Call(call)) }
        table.recover = { _, handle, call in
            FakeHost.current?.note("recover \(String(handle))")
            drover_complete(call, DROVER_OK, "{\"handle\":{\"version\":1,\"pid\":7}}")
        }
        table.wait = { id, call in
            FakeHost.current?.note("wait \(String(id))")
            drover_complete(call, DROVER_OK, "{\"exit_code\":3,\"signal\":0,\"oom_killed\":false}")
        }
        table.stop = { id, signal, timeout, call in
            FakeHost.current?.note("stop \(String(id)) \(String(signal)) \(timeout)")
            drover_complete(call, DROVER_OK, "null")
        }
        table.signal = { id, signal, out in
            FakeHost.current?.note("signal \(String(id)) \(String(signal))")
            return drover_reply(out, DROVER_E_STATE, "task has ended")
        }
        table.destroy = { id, force, _ in
            FakeHost.current?.note("destroy \(String(id)) \(force)")
            return DROVER_OK
        }
        return keep(table)
    }()

    private static func keep<Table>(_ table: Table) -> UnsafePointer<Table> {
        let pointer = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        pointer.initialize(to: table)
        return UnsafePointer(pointer)
    }
}

extension FakeHost {
    fileprivate func note(_ operation: String) { state.withLock { $0.executorCalls.append(operation) } }

    fileprivate func launch(_ task: String, _ spec: String, _ call: Call) {
        let error = state.withLock { state in
            state.launches.append((task, spec))
            return state.launchError
        }
        if let error { return call.fail(error) }
        call.succeed("{\"handle\":{\"version\":1,\"pid\":7},\"pid\":7}")
    }

    fileprivate func sleep(_ delay: Int64, _ call: Call) {
        let number = state.withLock { state in
            state.timerCount += 1
            state.timers.append((state.now + max(delay, 0), state.timerCount, call))
            return state.timerCount
        }
        _ = call.onCancel { [self] in
            let removed = state.withLock { state in
                let index = state.timers.firstIndex { $0.number == number }
                return index.map { state.timers.remove(at: $0).call }
            }
            removed?.fail(PluginError(.cancelled, "cancelled"))
        }
    }
}
