import CDroverABI
import DroverSDK
import PluginTestSupport
import Testing

/// The Swift kit, called as the host calls it: through the C tables.
@Suite("Tables of a Swift plug-in")
struct TableTests {
    @Test func throwsBecomeCodesAndMessages() throws {
        try FakeHost.run { fake, _ in
            let instance = try Instance(config: "{}")
            let driver = try #require(instance.driver)
            let outcome = Outcome()
            "{\"id\":\"t1\",\"config\":{\"fail\":true}}".withDroverText {
                driver.pointee.start?(instance.pointer, $0, outcome.call.raw)
            }
            #expect(outcome.error == PluginError(.notFound, "no such image"))

            let (code, message) = instance.collect { driver.pointee.fingerprint?(instance.pointer, $0) }
            #expect(code == DROVER_E_INTERNAL)
            #expect(message.contains("oddity"))
            #expect(fake.logs.contains { $0.contains("unexpected error") }, "what no plug-in expects is logged")
            instance.destroy()
        }
    }

    @Test func aTaskDocumentWithoutIDIsRefused() throws {
        try FakeHost.run { _, _ in
            let instance = try Instance(config: "{}")
            let outcome = Outcome()
            "{\"name\":\"web\"}".withDroverText {
                instance.driver?.pointee.start?(instance.pointer, $0, outcome.call.raw)
            }
            #expect(outcome.error?.code == .invalid)
            #expect(outcome.error?.message.contains("\"id\"") == true)
            instance.destroy()
        }
    }

    @Test func onlyOfferedInterfacesHaveTables() throws {
        try FakeHost.run { _, _ in
            let instance = try Instance(config: "{}")
            #expect(instance.table(DROVER_DRIVER_1) != nil)
            for id in [DROVER_SCHEDULER_1, DROVER_FINGERPRINT_1, "acme.thing/1", ""] {
                #expect(instance.table(id) == nil)
            }
            instance.destroy()
        }
    }

    @Test func aBadConfigurationIsRefusedWithItsMessage() throws {
        let error = FakeHost.run { _, _ in
            #expect(throws: PluginError.self) { try Instance(config: "{\"colour\":5}") }
        }
        #expect(error?.code == .invalid)
        #expect(error?.message == "\"colour\" must be a string")
    }

    @Test func theEntryTableSaysWhatItWasBuiltWith() {
        let table = testPlugin.pointee
        #expect(table.magic == DROVER_ABI_MAGIC)
        #expect(table.abi_version == UInt32(DROVER_ABI_VERSION))
        #expect(String(table.abi_hash) == DROVER_ABI_HASH)
        #expect(String(table.manifest) == "{}")
    }

    @Test func cancellingReachesWhoeverWaits() throws {
        try FakeHost.run { _, _ in
            let instance = try Instance(config: "{}")
            let outcome = Outcome()
            "t1".withDroverText { instance.driver?.pointee.wait?(instance.pointer, $0, outcome.call.raw) }
            #expect(outcome.result == nil)
            outcome.cancel()
            #expect(outcome.error?.code == .cancelled)
            instance.destroy()
        }
    }

    /// A derived call is cancelled with the call it works for.
    @Test func cancellingReachesDerivedCalls() throws {
        FakeHost.run { fake, host in
            let outcome = Outcome()
            let parent = outcome.call
            host.clock.sleep(
                nanoseconds: 1_000_000_000,
                call: PendingCall(onBehalfOf: parent) { parent.finish($0) }.call)
            #expect(fake.pendingTimers == 1)
            outcome.cancel()
            #expect(fake.pendingTimers == 0)
            #expect(outcome.error?.code == .cancelled)
        }
    }

    @Test func statsRecordsHoldTheIDAndOnlyWhatWasMeasured() {
        var stats = TaskStats(id: "alloc/web#0", time: 42)
        stats.memoryRSSBytes = 4096
        (stats.ioReadBytes, stats.ioWriteBytes) = (5, 6)
        let record = stats.record
        #expect(record.count % 8 == 0)
        record.withUnsafeBytes { bytes in
            let head = bytes.loadUnaligned(as: drover_task_stats.self)
            #expect(Int(head.size) == record.count)
            #expect(head.present == DROVER_STATS_RSS | DROVER_STATS_IO)
            #expect(head.io_read_bytes == 5 && head.io_write_bytes == 6)
            #expect(head.memory_rss == 4096)
            #expect(head.time_ns == 42)
            let id = bytes[Int(head.id_offset)..<Int(head.id_offset + head.id_length)]
            #expect(String(decoding: id, as: UTF8.self) == "alloc/web#0")
        }
    }
}

// MARK: - A plug-in to test with

nonisolated(unsafe) private let testPlugin = pluginTable(manifest: drover_text_bytes("{}")) {
    createPlugin(TestPlugin.self, $0, $1, $2, $3)
}

private func drover_text_bytes(_ text: String) -> UnsafePointer<CChar> {
    let bytes = text.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { copy[index] = byte }
    return UnsafePointer(copy)
}

private struct TestPlugin: Plugin {
    let driver: (any Driver)?
    init(host: Host, config: JSON) throws {
        _ = try config.text("colour")
        driver = TestDriver()
    }
}

private struct TestDriver: Driver {
    struct Oddity: Error {}
    var capabilities: DriverCapabilities { DriverCapabilities() }
    func fingerprint() throws -> DriverFingerprint { throw Oddity() }
    func start(_ task: TaskDocument, call: Call) throws { throw PluginError(.notFound, "no such image") }
    func recover(_ task: TaskDocument, handle: JSON?, call: Call) throws { call.succeed("{}") }
    func wait(id: String, call: Call) throws {
        _ = call.onCancel { call.fail(PluginError(.cancelled, "cancelled")) }
    }
    func stop(id: String, signal: String, timeoutNanoseconds: Int64, call: Call) throws { call.succeed("null") }
    func signal(id: String, name: String) throws {}
    func stats(ids: String, into sink: Sink) throws {}
    func destroy(id: String, force: Bool) throws {}
    func inspect(id: String) throws -> JSON { [:] }
}

extension TestDriver.Oddity: CustomStringConvertible {
    var description: String { "oddity" }
}

/// An instance made through the C entry table.
private struct Instance {
    let pointer: UnsafeMutableRawPointer
    var driver: UnsafePointer<drover_driver>? { table(DROVER_DRIVER_1)?.assumingMemoryBound(to: drover_driver.self) }

    init(config: String) throws {
        var pointer: UnsafeMutableRawPointer?
        let (code, message) = SDKTests.collect { sink in
            config.withDroverText { testPlugin.pointee.create?(FakeTables.host, $0, sink, &pointer) }
        }
        guard let pointer else { throw PluginError(.init(rawValue: code), message) }
        self.pointer = pointer
    }

    func table(_ id: String) -> UnsafeRawPointer? { testPlugin.pointee.get_interface?(pointer, id) }
    func destroy() { testPlugin.pointee.destroy?(pointer) }
    func collect(_ body: (drover_sink) -> Int32?) -> (Int32, String) { SDKTests.collect(body) }
}
