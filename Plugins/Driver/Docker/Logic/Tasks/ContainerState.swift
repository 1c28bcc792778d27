internal import DroverSDK

/// What an inspection of a container says (Engine API: ContainerInspect).
struct ContainerState: Sendable {
    let json: JSON

    init(_ json: JSON) { self.json = json }

    var id: String { json["Id"]?.string ?? "" }
    var image: String { json["Image"]?.string ?? "" }
    /// "created", "running", "paused", "restarting", "removing", "exited" or "dead".
    var status: String { json["State"]?["Status"]?.string ?? "" }
    var hasEnded: Bool { ["exited", "dead"].contains(status) }
    var pid: Int64 { json["State"]?["Pid"]?.integer ?? 0 }
    var isTerminal: Bool { json["Config"]?["Tty"]?.bool ?? false }
    /// The image's, or what the engine itself would send.
    var stopSignal: String {
        let told = json["Config"]?["StopSignal"]?.string ?? ""
        return told.isEmpty ? "SIGTERM" : told
    }
    func label(_ key: String) -> String? { json["Config"]?["Labels"]?[key]?.string }

    /// How it ended. The engine tells a signal as 128 and its number; a program may exit with such a code as well, so that the
    /// code is told, and never a signal.
    var exit: TaskExit {
        let state = json["State"]
        let error = state?["Error"]?.string ?? ""
        return TaskExit(
            exitCode: state?["ExitCode"]?.integer ?? 0, outOfMemory: state?["OOMKilled"]?.bool ?? false,
            error: error.isEmpty ? nil : error)
    }

    /// The container's address in the network it was put into; `nil` in those without one of their own.
    func address(isIPv6: Bool) -> String? {
        let networks = (json["NetworkSettings"]?["Networks"]?.object ?? [:]).sorted { $0.key < $1.key }
        let key = isIPv6 ? "GlobalIPv6Address" : "IPAddress"
        return networks.lazy.compactMap { $0.value[key]?.string }.first { !$0.isEmpty }
    }
}
