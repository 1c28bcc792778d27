internal import Basics
internal import CDroverABI

/// A fingerprint plug-in behind ``Fingerprinter``.
final class HostedFingerprinter: Fingerprinter {
    let plugin: HostedPlugin

    private static let timeout: Duration = .seconds(10)

    init(_ plugin: HostedPlugin) { self.plugin = plugin }

    var name: String { plugin.name }

    func probe(_ known: KnownMachine) async throws -> MachineFingerprint {
        let document = JSON.object([
            ("attributes", TaskSpec.texts(known.attributes)), ("options", TaskSpec.texts(known.options)),
            ("data_dir", .string(known.dataFolder)), ("folders", TaskSpec.texts(known.folders)),
        ])
        let answer = try await plugin.call(
            DROVER_FINGERPRINT_1, "probe", [.bytes(document.bytes)], within: HostedFingerprinter.timeout)
        return try HostedFingerprinter.read(try AnswerObject(answer, "probe", plugin: name))
    }

    private static func read(_ answer: AnswerObject) throws(PluginError) -> MachineFingerprint {
        var result = MachineFingerprint()
        result.attributes = try answer.texts("attributes")
        result.links = try answer.texts("links")
        result.period = .nanoseconds(try answer.count("period_ns") ?? 0)
        guard let resources = try answer.object("resources") else { return result }
        result.resources.cpuMHz = try resources.count("cpu_mhz")
        result.resources.memoryBytes = try resources.count("memory_bytes")
        result.resources.diskBytes = try resources.count("disk_bytes")
        for core in try resources.objects("cores") { result.resources.cores.append(try self.core(core)) }
        for network in try resources.objects("networks") {
            result.resources.networks.append(try self.network(network))
        }
        return result
    }

    private static func core(_ core: AnswerObject) throws(PluginError) -> MachineFingerprint.Core {
        MachineFingerprint.Core(
            id: Int(try core.count("id") ?? 0), mhz: try core.count("mhz") ?? 0, numa: Int(try core.count("numa") ?? 0),
            grade: try core.text("grade") ?? "performance")
    }

    private static func network(_ answer: AnswerObject) throws(PluginError) -> MachineFingerprint.Network {
        var network = MachineFingerprint.Network()
        network.device = try answer.text("device") ?? ""
        network.mode = try answer.text("mode") ?? "host"
        network.ip = try answer.text("ip") ?? ""
        network.cidr = try answer.text("cidr") ?? ""
        network.mbits = try answer.count("mbits") ?? 0
        network.mac = try answer.text("mac") ?? ""
        for address in try answer.objects("addresses") {
            let (ip, family) = (try address.text("ip") ?? "", try address.text("family") ?? "ipv4")
            network.addresses.append(MachineFingerprint.Address(ip: ip, family: family))
        }
        return network
    }
}
