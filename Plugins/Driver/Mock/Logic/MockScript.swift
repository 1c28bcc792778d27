internal import DroverSDK

/// What a job's config block tells the mock driver to do.
struct MockScript: Sendable {
    let command: MockCommand
    let startError: String
    let startErrorIsRecoverable: Bool
    /// Nanoseconds, as all times here.
    let startBlock: Int64
    let killAfter: Int64
    let pluginExitAfter: Int64?
    let driverIP: String
    let driverPorts: [String: Int64]
    /// What `exec` does; `nil`: it is not supported.
    let exec: MockCommand?

    /// - Throws: ``PluginError`` naming the key that is wrong.
    init(_ config: JSON) throws(PluginError) {
        command = try MockCommand(config)
        startError = try config.text("start_error")
        startErrorIsRecoverable = try config.flag("start_error_recoverable")
        startBlock = try config.nanoseconds("start_block_for")
        killAfter = try config.nanoseconds("kill_after")
        pluginExitAfter = config["plugin_exit_after"] == nil ? nil : try config.nanoseconds("plugin_exit_after")
        driverIP = try config.text("driver_ip")
        driverPorts = try Self.ports(config.text("driver_port_map"))
        exec = if let exec = config["exec_command"] { try MockCommand(exec) } else { nil }
    }

    private static func ports(_ text: String) throws(PluginError) -> [String: Int64] {
        var ports: [String: Int64] = [:]
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: ":")
            guard parts.count == 2, let port = Int64(parts[1]), (0...65_535).contains(port) else {
                throw PluginError(.invalid, "\"driver_port_map\": \"\(pair)\" is not label:port")
            }
            ports[String(parts[0])] = port
        }
        return ports
    }

    /// What `start` and `recover` complete with.
    func result(startedAt: Int64) -> JSON {
        var result: [String: JSON] = ["handle": ["version": 1, "started_ns": .integer(startedAt)]]
        if !driverIP.isEmpty || !driverPorts.isEmpty {
            result["network"] = [
                "ip": .string(driverIP), "port_map": .object(driverPorts.mapValues(JSON.integer)),
            ]
        }
        return .object(result)
    }
}

/// A command that writes, runs for a while and ends.
struct MockCommand: Sendable {
    let runFor: Int64
    let exit: TaskExit
    let signalError: String
    let outputs: [Output]

    /// What goes to one of the two streams.
    struct Output: Sendable {
        let isError: Bool
        let text: String
        /// Writes after the first.
        let repeats: Int64
        let interval: Int64
    }

    init(_ config: JSON) throws(PluginError) {
        runFor = try config.nanoseconds("run_for")
        let message = try config.text("exit_err_msg")
        exit = TaskExit(
            exitCode: try config.int("exit_code", in: 0...255), signal: try config.int("exit_signal", in: 0...64),
            error: message.isEmpty ? nil : message)
        signalError = try config.text("signal_error")
        let streams = [
            try Self.output(config, "stdout", isError: false), try Self.output(config, "stderr", isError: true),
        ]
        outputs = streams.filter { !$0.text.isEmpty }
    }

    private static func output(_ config: JSON, _ stream: String, isError: Bool) throws(PluginError) -> Output {
        Output(
            isError: isError, text: try config.text("\(stream)_string"),
            repeats: try config.int("\(stream)_repeat", in: 0...1_000_000),
            interval: try config.nanoseconds("\(stream)_repeat_duration"))
    }
}
