internal import Basics
internal import Logging
internal import PluginHost

/// Which networks of their own allocations may have here: `bridge` where its plug-ins are, and one for each that is configured.
///
/// Attributes: `plugins.cni.version.NAME` of each plug-in, and `nomad.bridge.hairpin_mode` with a bridge.
struct NetworkFingerprinter: Fingerprinter {
    let name = "network-modes"
    let world: ClientWorld

    func probe(_ known: KnownMachine) async throws -> MachineFingerprint {
        var found = MachineFingerprint()
        guard world.network.isAble else { return found }
        let versions = try await versions()
        for (program, version) in versions { found.attributes["plugins.cni.version.\(program)"] = version }
        let configuration = world.configuration
        if CNINetwork.bridgePrograms.allSatisfy({ versions[$0] != nil }) {
            found.attributes["nomad.bridge.hairpin_mode"] = "\(configuration.bridge.isHairpin)"
            found.resources.networks.append(network("bridge", device: configuration.bridge.name))
        }
        let content = try await CNIFolder(configuration.cniConfigurationFolder).read(world)
        for fault in content.faults {
            world.log.warning(
                "a CNI configuration is left out",
                metadata: ["folder": "\(configuration.cniConfigurationFolder)", "reason": "\(fault)"])
        }
        found.resources.networks += content.networks.keys.sorted().map { network("cni/\($0)", device: "") }
        return found
    }

    private func network(_ mode: String, device: String) -> MachineFingerprint.Network {
        var network = MachineFingerprint.Network()
        network.mode = mode
        network.device = device
        return network
    }

    /// By program; "unknown" where it does not tell.
    private func versions() async throws -> [String: String] {
        let (tools, folders) = (world.network, world.configuration.cniFolders)
        return try await world.seam.blocking.run {
            var versions: [String: String] = [:]
            for folder in folders {
                for program in tools.programs(in: folder) where versions[program] == nil {
                    let answer = try? tools.run("\(folder)/\(program)", environment: [], input: [], lock: nil)
                    versions[program] = answer.flatMap(NetworkFingerprinter.version) ?? "unknown"
                }
            }
            return versions
        }
    }

    /// From "CNI bridge plugin v1.1.1", which plug-ins say when nothing is asked of them.
    static func version(_ answer: ProgramAnswer) -> String? {
        let lines = String(decoding: answer.error + answer.output, as: UTF8.self).split(separator: "\n")
        let line = lines.first { $0.hasPrefix("CNI ") && $0.contains(" plugin ") }
        return line?.split(separator: " ").last.map(String.init)
    }
}
