import Basics
package import HCL

/// Assigns a key's value when the file has it and leaves the earlier value when not: later files win key by key.
extension BodyReader {
    func set(_ name: String, _ value: inout String) { if let new = string(name) { value = new } }
    func set(_ name: String, _ value: inout Bool) { if let new = bool(name) { value = new } }
    func set(_ name: String, _ value: inout Double) { if let new = double(name) { value = new } }
    func set(_ name: String, _ value: inout Duration) { if let new = duration(name) { value = new } }
    func set(_ name: String, _ value: inout [String]) { if let new = strings(name) { value = new } }

    func set(_ name: String, _ value: inout Int, in bounds: ClosedRange<Int> = 0...Int(Int32.max)) {
        if let new = int(name, in: bounds) { value = new }
    }

    func set(_ name: String, _ value: inout Int?, in bounds: ClosedRange<Int> = 0...Int(Int32.max)) {
        if let new = int(name, in: bounds) { value = new }
    }

    /// Later keys win, earlier ones of other names stay.
    func merge(_ name: String, _ value: inout [String: String]) {
        if let new = stringMap(name) { value.merge(new) { _, new in new } }
    }

    /// Lists of addresses to join grow from file to file, without repeating one.
    func append(_ name: String, _ value: inout [String]) {
        for item in strings(name) ?? [] where !value.contains(item) { value.append(item) }
    }

    /// Reads one block into `value`, with the leftovers check.
    func read<Settings>(
        _ name: String, into value: inout Settings, _ body: (BodyReader, inout Settings) -> Void
    ) {
        guard let block = block(name) else { return }
        body(block, &value)
        block.finish()
    }
}

extension Configuration {
    /// Most bytes of one configuration file.
    package static let fileBytesMax = 1 << 20

    /// Applies one file over what is there.
    ///
    /// - Parameters:
    ///   - bytes: the text; JSON when the name ends in `.json` or the text starts with `{`, else HCL.
    ///   - file: the name used in messages.
    /// - Throws: every fault found: unknown keys with the nearest allowed one, wrong types, values out of range.
    package mutating func apply(_ bytes: [UInt8], file: String) throws(Diagnostics) {
        let source = SourceFile(name: file, bytes: bytes)
        var limits = Limits()
        limits.sourceBytesMax = Self.fileBytesMax
        let isJSON = file.hasSuffix(".json") || bytes.first { ![9, 10, 13, 32].contains($0) } == UInt8(ascii: "{")
        let body: Body
        do throws(Diagnostic) {
            body =
                try isJSON
                ? Parser.parseJSON(source, limits: limits) : Parser.parse(source, dialect: .relaxed, limits: limits)
        } catch {
            throw Diagnostics([error])
        }
        let evaluator = Evaluator(functions: [:], limits: limits)
        let context = ReadingContext(evaluator: evaluator, dialect: .relaxed)
        let reader = BodyReader(body, title: "the agent configuration", context: context)
        // A faulty file changes nothing.
        var changed = self
        changed.readTopLevel(reader)
        changed.readBlocks(reader)
        reader.finish()
        try context.throwErrors()
        changed.files.append(file)
        self = changed
    }

    private mutating func readTopLevel(_ reader: BodyReader) {
        reader.set("region", &region)
        reader.set("datacenter", &datacenter)
        reader.set("name", &name)
        reader.set("data_dir", &dataDirectory)
        reader.set("plugin_dir", &pluginDirectory)
        reader.set("log_level", &logLevel)
        reader.set("log_json", &logJSON)
        reader.set("log_file", &logFile)
        reader.set("log_include_location", &logIncludeLocation)
        reader.set("log_rotate_duration", &logRotateDuration)
        reader.set("log_rotate_bytes", &logRotateBytes, in: 0...Int.max)
        reader.set("log_rotate_max_files", &logRotateFilesMax, in: -1...Int(Int32.max))
        reader.set("bind_addr", &bindAddress)
        reader.set("enable_debug", &enableDebug)
        reader.set("leave_on_interrupt", &leaveOnInterrupt)
        reader.set("leave_on_terminate", &leaveOnTerminate)
        reader.set("enable_syslog", &enableSyslog)
        reader.set("syslog_facility", &syslogFacility)
        reader.set("disable_update_check", &disableUpdateCheck)
        reader.set("disable_anonymous_signature", &disableAnonymousSignature)
        reader.merge("http_api_response_headers", &httpAPIResponseHeaders)
    }

    private mutating func readBlocks(_ reader: BodyReader) {
        reader.read("ports", into: &ports) { block, ports in
            block.set("http", &ports.http, in: 0...65_535)
            block.set("rpc", &ports.rpc, in: 0...65_535)
            block.set("serf", &ports.serf, in: 0...65_535)
        }
        for (name, path) in [("addresses", \Configuration.addresses), ("advertise", \.advertise)] {
            reader.read(name, into: &self[keyPath: path]) { block, addresses in
                block.set("http", &addresses.http)
                block.set("rpc", &addresses.rpc)
                block.set("serf", &addresses.serf)
            }
        }
        reader.read("server", into: &server) { block, server in server.read(block) }
        reader.read("client", into: &client) { block, client in client.read(block) }
        reader.read("rpc", into: &rpc) { block, rpc in rpc.read(block) }
        reader.read("acl", into: &acl) { block, acl in acl.read(block) }
        reader.read("telemetry", into: &telemetry) { block, telemetry in telemetry.read(block) }
        reader.read("tls", into: &tls) { block, tls in tls.read(block) }
        reader.read("limits", into: &limits) { block, limits in limits.read(block) }
        reader.read("ui", into: &ui) { block, ui in ui.read(block) }
        reader.read("autopilot", into: &autopilot) { block, autopilot in autopilot.read(block) }
        for block in reader.blocks("plugin", labels: ["name"]) {
            var plugin = plugins[block.labels.first ?? ""] ?? PluginBlock()
            plugin.isSet = true
            block.set("args", &plugin.arguments)
            block.set("isolation", &plugin.isolation)
            block.set("enabled", &plugin.isEnabled)
            if let config = block.freeForm("config") { plugin.config = Value.object(config).json }
            block.finish()
            plugins[block.labels.first ?? ""] = plugin
        }
        for schema in StoredSchema.all { stored += schema.read(reader) }
    }
}
