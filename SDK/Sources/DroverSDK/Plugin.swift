public import CDroverABI

/// A plug-in library: what its one exported function leads to.
///
/// ```swift
/// nonisolated(unsafe) private let plugin = pluginTable(manifest: my_manifest()) {
///     createPlugin(MyPlugin.self, $0, $1, $2, $3)
/// }
///
/// @c @implementation
/// public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
/// ```
public protocol Plugin: Sendable {
    /// Makes an instance: parse the configuration, an object checked against the manifest's "config_schema", and no
    /// more; no threads, sockets or probing yet. What it throws refuses the plug-in, with the message.
    init(host: Host, config: JSON) throws

    var driver: (any Driver)? { get }
    var scheduler: (any Scheduler)? { get }
    var fingerprinter: (any Fingerprinter)? { get }
    var devices: (any DeviceProvider)? { get }
    var selfTest: (any SelfTest)? { get }

    /// Ends the instance: complete open calls, stop threads. Tasks keep running.
    func shutdown()
}

extension Plugin {
    public var driver: (any Driver)? { nil }
    public var scheduler: (any Scheduler)? { nil }
    public var fingerprinter: (any Fingerprinter)? { nil }
    public var devices: (any DeviceProvider)? { nil }
    public var selfTest: (any SelfTest)? { nil }
    public func shutdown() {}
}

/// The C function type of `create`.
public typealias CreateFunction =
    @convention(c) (
        UnsafePointer<drover_host>, drover_text, drover_sink, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Int32

/// The static table of a library; call it once, from the entry file's global.
///
/// - Parameters:
///   - manifest: the NUL-terminated text that DROVER_MANIFEST put into the library.
///   - create: a closure that calls ``createPlugin(_:_:_:_:_:)`` with the plug-in's type.
/// - Returns: what the entry function returns; never freed.
public func pluginTable(
    manifest: UnsafePointer<CChar>, create: @escaping CreateFunction
) -> UnsafePointer<drover_plugin> {
    var table = drover_plugin()
    table.size = UInt32(MemoryLayout<drover_plugin>.size)
    table.abi_version = UInt32(DROVER_ABI_VERSION)
    table.magic = DROVER_ABI_MAGIC
    table.abi_hash = drover_text_of(leakedString(DROVER_ABI_HASH))
    table.manifest = drover_text_of(manifest)
    table.create = create
    table.get_interface = { instance, id in
        guard let instance else { return nil }
        return InstanceBox.from(instance).table(String(cString: id))
    }
    table.destroy = { instance in
        guard let instance else { return }
        Unmanaged<InstanceBox>.fromOpaque(instance).takeRetainedValue().plugin.shutdown()
    }
    return leak(table)
}

/// Makes an instance of `type` behind the C `create`.
public func createPlugin<Type: Plugin>(
    _ type: Type.Type, _ host: UnsafePointer<drover_host>, _ config: drover_text, _ error: drover_sink,
    _ instance: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
    let host = Host(host)
    return barrier(error, host.log) {
        let text = String(config)
        let box = InstanceBox(
            host: host, plugin: try type.init(host: host, config: JSON(parsing: text.isEmpty ? "{}" : text)))
        instance?.pointee = Unmanaged.passRetained(box).toOpaque()
    }
}

/// What the opaque instance pointer of the C side points to.
final class InstanceBox: Sendable {
    let host: Host
    let plugin: any Plugin
    let driver: (any Driver)?
    let scheduler: (any Scheduler)?
    let fingerprinter: (any Fingerprinter)?
    let devices: (any DeviceProvider)?
    let selfTest: (any SelfTest)?

    init(host: Host, plugin: any Plugin) {
        self.host = host
        self.plugin = plugin
        driver = plugin.driver
        scheduler = plugin.scheduler
        fingerprinter = plugin.fingerprinter
        devices = plugin.devices
        selfTest = plugin.selfTest
    }

    static func from(_ pointer: UnsafeMutableRawPointer) -> InstanceBox {
        Unmanaged<InstanceBox>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// The table of an interface that this plug-in offers.
    func table(_ id: String) -> UnsafeRawPointer? {
        switch id {
        case DROVER_DRIVER_1 where driver != nil: UnsafeRawPointer(Tables.driver)
        case DROVER_SCHEDULER_1 where scheduler != nil: UnsafeRawPointer(Tables.scheduler)
        case DROVER_FINGERPRINT_1 where fingerprinter != nil: UnsafeRawPointer(Tables.fingerprint)
        case DROVER_DEVICE_1 where devices != nil: UnsafeRawPointer(Tables.device)
        case DROVER_SELFTEST_1 where selfTest != nil: UnsafeRawPointer(Tables.selfTest)
        default: nil
        }
    }
}

/// Nothing unwinds across the line: what `body` throws becomes a code, and a message in `sink`.
func barrier(_ sink: drover_sink, _ log: Log, _ body: () throws -> Void) -> Int32 {
    do {
        try body()
        return DROVER_OK
    } catch {
        let error = pluginError(error, log)
        try? Sink(sink).write(error.message)
        return error.code.rawValue
    }
}

/// The same for operations that complete through a call.
func barrier(_ call: Call, _ log: Log, _ body: () throws -> Void) {
    do {
        try body()
    } catch {
        call.fail(pluginError(error, log))
    }
}

private func pluginError(_ error: any Error, _ log: Log) -> PluginError {
    if let error = error as? PluginError { return error }
    log.error("unexpected error", ["error": "\(error)"])
    return PluginError(.internalError, "unexpected error: \(error)")
}

private func leakedString(_ text: String) -> UnsafePointer<CChar> {
    let bytes = text.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { (copy + index).initialize(to: byte) }
    return UnsafePointer(copy)
}
