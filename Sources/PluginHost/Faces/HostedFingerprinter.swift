internal import Basics
internal import CDroverABI

/// A fingerprint plug-in behind ``Fingerprinter``.
final class HostedFingerprinter: Fingerprinter {
    let plugin: HostedPlugin

    private static let timeout: Duration = .seconds(10)

    init(_ plugin: HostedPlugin) { self.plugin = plugin }

    var name: String { plugin.name }

    func probe(
        attributes: [String: String], options: [String: String], dataFolder: String
    ) async throws -> MachineFingerprint {
        let known = JSON.object([
            ("attributes", TaskSpec.texts(attributes)), ("options", TaskSpec.texts(options)),
            ("data_dir", .string(dataFolder)),
        ])
        let answer = try await plugin.call(
            DROVER_FINGERPRINT_1, "probe", [.bytes(known.bytes)], within: HostedFingerprinter.timeout)
        return HostedFingerprinter.read(try DriverAnswers.object(answer, "probe", plugin: name))
    }

    private static func read(_ json: JSON) -> MachineFingerprint {
        var result = MachineFingerprint()
        result.attributes = DriverAnswers.texts(json["attributes"])
        result.links = DriverAnswers.texts(json["links"])
        result.period = .nanoseconds(max(0, json["period_ns"]?.integer ?? 0))
        guard let resources = json["resources"] else { return result }
        result.resources.cpuMHz = resources["cpu_mhz"]?.integer
        result.resources.memoryBytes = resources["memory_bytes"]?.integer
        result.resources.diskBytes = resources["disk_bytes"]?.integer
        result.resources.cores = (resources["cores"]?.array ?? []).map { core in
            MachineFingerprint.Core(
                id: Int(core["id"]?.integer ?? 0), mhz: core["mhz"]?.integer ?? 0,
                numa: Int(core["numa"]?.integer ?? 0), grade: core["grade"]?.string ?? "performance")
        }
        result.resources.networks = (resources["networks"]?.array ?? []).map(network)
        return result
    }

    private static func network(_ json: JSON) -> MachineFingerprint.Network {
        var network = MachineFingerprint.Network()
        network.device = json["device"]?.string ?? ""
        network.mode = json["mode"]?.string ?? "host"
        network.ip = json["ip"]?.string ?? ""
        network.cidr = json["cidr"]?.string ?? ""
        network.mbits = json["mbits"]?.integer ?? 0
        network.addresses = (json["addresses"]?.array ?? []).map { address in
            MachineFingerprint.Address(ip: address["ip"]?.string ?? "", family: address["family"]?.string ?? "ipv4")
        }
        return network
    }
}

/// A device plug-in behind ``DeviceProvider``.
final class HostedDeviceProvider: DeviceProvider {
    let plugin: HostedPlugin

    private static let timeout: Duration = .seconds(10)

    init(_ plugin: HostedPlugin) { self.plugin = plugin }

    var name: String { plugin.name }

    func probe() async throws -> JSON { try await ask("probe", []) }

    func reserve(_ request: JSON) async throws -> JSON { try await ask("reserve", [.bytes(request.bytes)]) }

    func stats() async throws -> JSON { try await ask("stats", []) }

    private func ask(_ operation: String, _ arguments: [Argument]) async throws -> JSON {
        let answer = try await plugin.call(
            DROVER_DEVICE_1, operation, arguments, within: HostedDeviceProvider.timeout)
        return try DriverAnswers.object(answer, operation, plugin: name)
    }
}
