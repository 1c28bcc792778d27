internal import Basics
internal import CDroverABI

/// Reads what drivers answer; anything that breaks driver.h is ``PluginError/Code/garbage``, with what was wrong.
enum DriverAnswers {
    static let handleBytesMax = 64 << 10

    static func object(_ answer: [UInt8], _ operation: String, plugin: String) throws(PluginError) -> JSON {
        let json: JSON
        do { json = try JSONParser.parse(answer) } catch { throw garbage(plugin, operation, "\(error)") }
        guard json.object != nil else { throw garbage(plugin, operation, "expected an object, got \(json.kindName)") }
        return json
    }

    static func capabilities(_ answer: [UInt8], plugin: String) throws(PluginError) -> DriverCapabilities {
        let json = try object(answer, "capabilities", plugin: plugin)
        var result = DriverCapabilities()
        result.sendSignals = json["send_signals"]?.bool ?? false
        result.exec = json["exec"]?.bool ?? false
        result.fsIsolation = json["fs_isolation"]?.string ?? "none"
        result.networkIsolation = json["network_isolation"]?.array?.compactMap(\.string) ?? ["host"]
        result.defaultUser = json["default_user"]?.string ?? ""
        result.mounts = json["mounts"]?.string ?? "none"
        result.mustCreateNetwork = json["must_create_network"]?.bool ?? false
        result.remoteTasks = json["remote_tasks"]?.bool ?? false
        return result
    }

    static func fingerprint(_ answer: [UInt8], plugin: String) throws(PluginError) -> DriverFingerprint {
        let json = try object(answer, "fingerprint", plugin: plugin)
        guard let health = json["health"]?.string.flatMap(DriverFingerprint.Health.init) else {
            throw garbage(plugin, "fingerprint", "\"health\" is not healthy, unhealthy or undetected")
        }
        var result = DriverFingerprint()
        result.health = health
        result.message = json["message"]?.string ?? ""
        result.attributes = texts(json["attributes"])
        if let period = json["period_ns"]?.integer { result.period = .nanoseconds(max(0, period)) }
        return result
    }

    static func handle(_ answer: [UInt8], plugin: String) throws(PluginError) -> TaskHandle {
        let json = try object(answer, "start", plugin: plugin)
        guard let value = json["handle"] else { throw garbage(plugin, "start", "\"handle\" is missing") }
        let bytes = value.bytes
        guard bytes.count <= handleBytesMax else {
            throw garbage(plugin, "start", "the handle has \(bytes.count) bytes; at most \(handleBytesMax) are stored")
        }
        var handle = TaskHandle(bytes: bytes)
        let pid = json["pid"]?.integer ?? value["pid"]?.integer
        handle.pid = pid.flatMap { Int32(exactly: $0) }
        if let network = json["network"], let ip = network["ip"]?.string {
            let ports = (network["port_map"]?.object?.members ?? []).compactMap { member in
                member.value.integer.map { (member.key, Int($0)) }
            }
            handle.network = DriverNetwork(ip: ip, portMap: Dictionary(ports) { _, last in last })
        }
        return handle
    }

    static func network(_ answer: [UInt8], plugin: String) throws(PluginError) -> String {
        let json = try object(answer, "create_network", plugin: plugin)
        guard let path = json["path"]?.string, path.hasPrefix("/") else {
            throw garbage(plugin, "create_network", "\"path\" is not the absolute path of a network namespace")
        }
        return path
    }

    static func exit(_ answer: [UInt8], plugin: String) throws(PluginError) -> TaskExit {
        let json = try object(answer, "wait", plugin: plugin)
        let code = json["exit_code"]?.integer
        let error = json["error"]?.string
        guard code != nil || error != nil else { throw garbage(plugin, "wait", "\"exit_code\" is missing") }
        return TaskExit(
            code: Int(code ?? -1), signal: Int(json["signal"]?.integer ?? 0),
            oomKilled: json["oom_killed"]?.bool ?? false, error: error)
    }

    /// Whether an instance answered so because it was replaced by another.
    static func isReplaced(_ error: PluginError) -> Bool { error.code == .cancelled || error.code == .revoked }

    static func stats(_ answer: [UInt8], plugin: String) throws(PluginError) -> [TaskStats] {
        var result: [TaskStats] = []
        var at = 0
        while at < answer.count {
            let left = answer.count - at
            let size = left >= 16 ? Int(load(answer, at, as: UInt32.self)) : 0
            guard size >= 24, size % 8 == 0, size <= left else {
                throw garbage(plugin, "stats", "a record at byte \(at) has size \(size), \(left) bytes are left")
            }
            let idLength = Int(load(answer, at + 4, as: UInt32.self))
            let idOffset = Int(load(answer, at + 8, as: UInt32.self))
            guard idOffset >= 24, idOffset + idLength <= size else {
                throw garbage(plugin, "stats", "the id of the record at byte \(at) lies outside it")
            }
            let id = answer[at + idOffset..<at + idOffset + idLength]
            result.append(record(answer, at, fields: idOffset, id: String(decoding: id, as: UTF8.self)))
            at += size
        }
        return result
    }

    /// The record at `at`, whose numbers end at `fields`: what the plug-in's headers did not have yet is nil.
    private static func record(_ bytes: [UInt8], _ at: Int, fields: Int, id: String) -> TaskStats {
        let present = load(bytes, at + 16, as: UInt64.self)
        func value(_ bit: Int, _ offset: Int) -> UInt64? {
            present & (1 << bit) != 0 && offset + 8 <= fields ? load(bytes, at + offset, as: UInt64.self) : nil
        }
        func time(_ bit: Int, _ offset: Int) -> Duration? {
            value(bit, offset).map { .nanoseconds(Int64(clamping: $0)) }
        }
        var stats = TaskStats()
        stats.taskID = id
        if fields >= 32 { stats.time = Timestamp(nanoseconds: load(bytes, at + 24, as: Int64.self)) }
        stats.cpu = time(0, 32)
        stats.cpuUser = time(1, 40)
        stats.cpuSystem = time(2, 48)
        stats.throttledPeriods = value(3, 56)
        stats.throttled = time(3, 64)
        stats.memoryRSSBytes = value(4, 72)
        stats.memoryCacheBytes = value(5, 80)
        stats.memorySwapBytes = value(6, 88)
        stats.memoryUsageBytes = value(7, 96)
        stats.memoryUsageMaxBytes = value(8, 104)
        stats.pids = value(9, 112)
        stats.ioReadBytes = value(10, 120)
        stats.ioWriteBytes = value(10, 128)
        return stats
    }

    private static func load<Value: BitwiseCopyable>(_ bytes: [UInt8], _ at: Int, as type: Value.Type) -> Value {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: type) }
    }

    static func texts(_ json: JSON?) -> [String: String] {
        var result: [String: String] = [:]
        for member in json?.object?.members ?? [] { result[member.key] = member.value.string ?? member.value.text }
        return result
    }

    static func garbage(_ plugin: String, _ operation: String, _ reason: String) -> PluginError {
        PluginError(
            .garbage, "plug-in \(plugin) answered \(operation) with something its interface does not allow: \(reason)")
    }
}
