internal import Basics
internal import Model
internal import PluginHost

/// Tells the driver which network the group has, and gives the task its files of name resolution where its root is its own.
struct NetworkHook: TaskHook {
    let name = "network"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        start.spec.networkMode = GroupNetwork.isolation(start.group.networks.first?.mode ?? "")
        guard let network = context.network() else { return }
        start.spec.networkPath = network.path
        start.spec.hostname = network.hostname
        let capabilities = start.driver.capabilities
        guard capabilities.mounts == "all", ["chroot", "image"].contains(capabilities.fsIsolation) else { return }
        if let dns = network.status.dns {
            let isImage = capabilities.fsIsolation == "image"
            let (disk, tools) = (context.world.seam.disk, context.world.network)
            let (machine, text) = try await context.world.seam.blocking.run {
                (tools.resolverFile, (try? disk.read(tools.resolverFile, limit: 64 << 10)) ?? [])
            }
            let content = NameFiles.resolver(dns, machine: String(decoding: text, as: UTF8.self))
            // A root made of the machine's folders has the machine's link there, if it is one.
            let target = isImage ? "/etc/resolv.conf" : machine
            let file = try await mount("resolv.conf", content, at: target, start.spec.directories.task, context)
            start.spec.mounts.append(file)
        }
        if !network.hostname.isEmpty {
            let content = NameFiles.hosts(network.hostname, network.status)
            let file = try await mount("hosts", content, at: "/etc/hosts", start.spec.directories.task, context)
            start.spec.mounts.append(file)
        }
    }

    /// Writes the file where the task cannot reach it, and has it mounted.
    private func mount(
        _ file: String, _ content: String, at target: String, _ folder: String, _ context: TaskContext
    ) async throws -> TaskSpec.Mount {
        let (disk, modes) = (context.world.seam.disk, context.world.modes)
        let path = "private/" + file
        do {
            try await context.world.seam.blocking.run {
                try modes.replace(path, in: folder, with: Array(content.utf8), mode: 0o644, disk: disk)
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw TaskSetupError(message: "cannot write the task's \(file): \(error)", recoverable: true)
        }
        return TaskSpec.Mount(source: "\(folder)/\(path)", target: target, readOnly: true)
    }
}
