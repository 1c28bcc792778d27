internal import CDroverABI

/// The C tables, one of each for all instances of this image; never freed. (Written once, read-only after.)
enum Tables {
    nonisolated(unsafe) static let driver: UnsafePointer<drover_driver> = {
        var table = drover_driver()
        table.size = UInt32(MemoryLayout<drover_driver>.size)
        fillReports(&table)
        fillLife(&table)
        fillControl(&table)
        fillNetworks(&table)
        return leak(table)
    }()

    private static func fillReports(_ table: inout drover_driver) {
        table.capabilities = { box, out in
            answer(box, out, \.driver) { driver, _ in driver.capabilities.json.text }
        }
        table.fingerprint = { box, out in
            answer(box, out, \.driver) { driver, _ in try driver.fingerprint().json.text }
        }
        table.stats = { box, ids, out in
            answer(box, out, \.driver) { driver, sink in
                try driver.stats(ids: String(ids), into: sink)
                return nil
            }
        }
        table.inspect = { box, id, out in
            answer(box, out, \.driver) { driver, _ in try driver.inspect(id: String(id)).text }
        }
    }

    private static func fillLife(_ table: inout drover_driver) {
        table.start = { box, task, call in
            begin(box, call, \.driver) { driver, call in
                try driver.start(TaskDocument(String(task)), call: call)
            }
        }
        table.recover = { box, task, handle, call in
            begin(box, call, \.driver) { driver, call in
                let handle = handle.length == 0 ? nil : try JSON(parsing: String(handle))
                try driver.recover(TaskDocument(String(task)), handle: handle == .null ? nil : handle, call: call)
            }
        }
        table.wait = { box, id, call in
            begin(box, call, \.driver) { driver, call in try driver.wait(id: String(id), call: call) }
        }
        table.stop = { box, id, signal, timeout, call in
            begin(box, call, \.driver) { driver, call in
                try driver.stop(id: String(id), signal: String(signal), timeoutNanoseconds: timeout, call: call)
            }
        }
        table.destroy = { box, id, force, out in
            answer(box, out, \.driver) { driver, _ in
                try driver.destroy(id: String(id), force: force != 0)
                return nil
            }
        }
    }

    private static func fillControl(_ table: inout drover_driver) {
        table.signal = { box, id, signal, out in
            answer(box, out, \.driver) { driver, _ in
                try driver.signal(id: String(id), name: String(signal))
                return nil
            }
        }
        table.exec = { box, id, execID, request, input, output, error, call in
            begin(box, call, \.driver) { driver, call in
                try driver.exec(
                    id: String(id), execID: String(execID), request: String(request),
                    streams: StandardStreams(input: input, output: output, error: error), call: call)
            }
        }
        table.resize = { box, execID, rows, columns, out in
            answer(box, out, \.driver) { driver, _ in
                try driver.resize(execID: String(execID), rows: rows, columns: columns)
                return nil
            }
        }
    }

    private static func fillNetworks(_ table: inout drover_driver) {
        table.create_network = { box, request, call in
            begin(box, call, \.driver) { driver, call in
                try driver.createNetwork(NetworkRequest(JSON(parsing: String(request))), call: call)
            }
        }
        table.destroy_network = { box, allocation, call in
            begin(box, call, \.driver) { driver, call in
                try driver.destroyNetwork(allocation: String(allocation), call: call)
            }
        }
    }

    nonisolated(unsafe) static let scheduler: UnsafePointer<drover_scheduler> = {
        var table = drover_scheduler()
        table.size = UInt32(MemoryLayout<drover_scheduler>.size)
        table.describe = { box, out in
            answer(box, out, \.scheduler) { scheduler, _ in
                let kinds = scheduler.kinds.map(JSON.string)
                return JSON.object(["name": .string(scheduler.name), "kinds": .array(kinds)]).text
            }
        }
        table.place = { box, view, batch, out in
            answer(box, out, \.scheduler) { scheduler, sink in
                try scheduler.place(view: ClusterView(view), batch: ProblemBatch(batch), into: sink)
                return nil
            }
        }
        return leak(table)
    }()

    nonisolated(unsafe) static let fingerprint: UnsafePointer<drover_fingerprint> = {
        var table = drover_fingerprint()
        table.size = UInt32(MemoryLayout<drover_fingerprint>.size)
        table.probe = { box, known, out in
            answer(box, out, \.fingerprinter) { fingerprinter, _ in
                try fingerprinter.probe(known: JSON(parsing: known.length == 0 ? "{}" : String(known))).json.text
            }
        }
        return leak(table)
    }()

    nonisolated(unsafe) static let device: UnsafePointer<drover_device> = {
        var table = drover_device()
        table.size = UInt32(MemoryLayout<drover_device>.size)
        table.probe = { box, out in answer(box, out, \.devices) { devices, _ in try devices.probe().text } }
        table.reserve = { box, request, out in
            answer(box, out, \.devices) { devices, _ in try devices.reserve(JSON(parsing: String(request))).text }
        }
        table.stats = { box, out in answer(box, out, \.devices) { devices, _ in try devices.stats().text } }
        return leak(table)
    }()

    nonisolated(unsafe) static let selfTest: UnsafePointer<drover_selftest> = {
        var table = drover_selftest()
        table.size = UInt32(MemoryLayout<drover_selftest>.size)
        table.list = { box, out in
            answer(box, out, \.selfTest) { test, _ in JSON.array(test.names.map(JSON.string)).text }
        }
        table.run = { box, name, out in
            answer(box, out, \.selfTest) { test, _ in
                try test.run(String(name))
                return nil
            }
        }
        return leak(table)
    }()
}

/// Runs an operation that writes to a sink: `body` returns the document, or `nil` when it wrote itself or has none.
private func answer<Provider>(
    _ pointer: UnsafeMutableRawPointer, _ out: drover_sink, _ provider: (InstanceBox) -> Provider?,
    _ body: (Provider, Sink) throws -> String?
) -> Int32 {
    let box = InstanceBox.from(pointer)
    return barrier(out, box.host.log) {
        guard let provider = provider(box) else { throw PluginError(.unsupported, "not offered by this plug-in") }
        if let text = try body(provider, Sink(out)) { try Sink(out).write(text) }
    }
}

/// Runs an operation that completes through a call.
private func begin<Provider>(
    _ pointer: UnsafeMutableRawPointer, _ call: drover_call, _ provider: (InstanceBox) -> Provider?,
    _ body: (Provider, Call) throws -> Void
) {
    let box = InstanceBox.from(pointer)
    barrier(Call(call), box.host.log) {
        guard let provider = provider(box) else { throw PluginError(.unsupported, "not offered by this plug-in") }
        try body(provider, Call(call))
    }
}
