public import DroverSDK
internal import Glibc
internal import PluginSupport
internal import Synchronization
internal import TaskIsolation

/// `qemu`: runs a virtual machine from a disk image.
///
/// The emulator is a process of the executor's, isolated as `exec` isolates commands: it sees the host's programs, the task's folders
/// and the image, and may take as much memory as the guest and it need. Power button and status go through its monitor.
/// Configuration keys as in Nomad's documentation of its qemu driver.
public final class QemuDriver: ExecutorDriver {
    public let executor: Executor
    private let host: Host
    private let settings: QemuSettings
    private let requirements: @Sendable () -> IsolationRequirements
    private let search: @Sendable () -> String
    private let version: RememberedAnswer
    private let trial: RememberedAnswer
    private let machines = Mutex<[String: VirtualMachine]>([:])

    /// `search` are the folders that may hold emulators, as in PATH.
    init(
        host: Host, settings: QemuSettings,
        requirements: @escaping @Sendable () -> IsolationRequirements = { IsolationRequirements.here },
        search: @escaping @Sendable () -> String = { ProgramPath.search }
    ) {
        self.host = host
        self.settings = settings
        self.requirements = requirements
        self.search = search
        executor = host.executor
        version = RememberedAnswer(host: host, key: "version", ask: Emulator.version)
        // Another kernel, here or below, may do better.
        let boot = { @Sendable in SmallFile.readLine("/proc/sys/kernel/random/boot_id") ?? "" }
        trial = RememberedAnswer(host: host, key: "kvm", besides: boot) { path throws(PluginError) in
            try KVMTrial.answer(path, folder: try host.folders.own())
        }
    }

    public var capabilities: DriverCapabilities {
        DriverCapabilities(
            filesystemIsolation: "image", networkIsolation: ["host"],
            defaultUser: IsolationSettings.defaultUser)
    }

    public func fingerprint() -> DriverFingerprint {
        let missing = requirements().missing
        guard missing.isEmpty else {
            return DriverFingerprint(.undetected, "cannot isolate emulators: " + missing.joined(separator: "; "))
        }
        let search = search()
        let architectures = Emulator.architectures(in: search).filter(settings.allows)
        let main = architectures.contains(Emulator.native) ? Emulator.native : architectures.first
        guard let main, let emulator = try? Emulator.find(main, in: search, settings) else {
            let message = "no qemu-system-* that jobs may use in the agent's PATH (\(search)): install qemu-system"
            return DriverFingerprint(.undetected, message)
        }
        switch version.now(emulator.path) {
        case nil: return DriverFingerprint(.undetected, "\(emulator.path) has yet to tell its version")
        case .failure(let error): return DriverFingerprint(.unhealthy, error.message)
        case .success(let version):
            let obstacle = obstacle(emulator)
            return DriverFingerprint(
                .healthy, obstacle.isEmpty ? "Healthy" : "Healthy; without kvm: \(obstacle)",
                attributes: [
                    "driver.qemu": "1", "driver.qemu.version": version,
                    "driver.qemu.emulators": architectures.joined(separator: ","),
                    "driver.qemu.accelerators": obstacle.isEmpty ? "kvm,tcg" : "tcg",
                ])
        }
    }

    public func start(_ task: TaskDocument, call: Call) throws {
        let account = try settings.isolation.check(userOf: task)
        let emulator = try Emulator.find(task.config.text("emulator"), in: search(), settings)
        guard settings.isolation.shows(emulator.path) else {
            throw PluginError(.notFound, "\"emulator\": \(emulator.path) lies outside the folders that tasks see")
        }
        let writes = try !task.config.texts("args").contains { QemuCommand.snapshotOptions.contains($0) }
        let found = try DiskImage(
            task.config.requiredText("image_path"), task: task, folders: settings.imageFolders, user: account,
            writes: writes)
        let image = try ImageFormats(store: host.store).asFirstMet(found, of: task)
        let command = try QemuCommand(
            task, settings, emulator: emulator, accelerator: accelerator(task.config, emulator, account), image: image)
        var extras = LaunchExtras()
        let sockets = try VirtualMachine.makeSocketFolder(of: task, for: account)
        extras.binds = [
            TaskBind(source: sockets, target: QemuCommand.socketFolder, isReadOnly: false),
            // Where the emulator keeps what a guest changes, if that is not to go into the image.
            TaskBind(source: (task.folder("task") ?? "") + "/tmp", target: "/var/tmp", isReadOnly: false),
        ]
        if let folder = image.sharedFolder {
            // Of the folder, which may hold what the image builds on, the image alone can be written.
            extras.binds.append(TaskBind(source: folder, target: folder, isReadOnly: true))
            if writes { extras.binds.append(TaskBind(source: image.path, target: image.path, isReadOnly: false)) }
        }
        if command.accelerator == .kvm {
            extras.binds.append(TaskBind(source: KVMDevice.path, target: KVMDevice.path, isReadOnly: false))
        }
        extras.memoryBytesMax = max(command.processBytesMax, task.json["resources"]?["memory_max_bytes"]?.integer ?? 0)
        let spec = try settings.isolation.specification(of: task, running: command.arguments, with: extras)
        remember(task)
        executor.launch(task, spec: spec, call: call)
    }

    public func recover(_ task: TaskDocument, handle: JSON?, call: Call) throws {
        remember(task)
        executor.recover(task, handle: handle, call: call)
    }

    /// Presses the power button if the job wants that, and goes on with the signal when the guest has not powered off.
    public func stop(id: String, signal: String, timeoutNanoseconds: Int64, call: Call) throws {
        if timeoutNanoseconds > 0, let machine = machines.withLock({ $0[id] }), machine.isStoppedByButton {
            do {
                try machine.monitor.ask("system_powerdown")
                PowerDown(host: host, id: id, signal: signal, call: call).begin(within: timeoutNanoseconds)
                return
            } catch {
                host.log.warn("power button not pressed", ["task": id, "reason": error.message])
            }
        }
        executor.stop(id, signal: signal, timeoutNanoseconds: timeoutNanoseconds, call: call)
    }

    public func signal(id: String, name: String) throws {
        throw PluginError(.unsupported, "a virtual machine takes no signals")
    }

    public func exec(id: String, execID: String, request: String, streams: StandardStreams, call: Call) throws {
        throw PluginError(.unsupported, "the driver qemu cannot run commands inside a guest")
    }

    public func destroy(id: String, force: Bool) throws {
        try executor.destroy(id, force: force)
        _ = machines.withLock { $0.removeValue(forKey: id) }
    }

    /// What the executor knows, and of a running machine the status that its monitor tells: "running", "paused", "shutdown".
    public func inspect(id: String) throws -> JSON {
        var known = try executor.inspect(id).object ?? [:]
        if known["state"] == "running", let machine = machines.withLock({ $0[id] }) {
            var attributes: [String: JSON] = [:]
            do throws(PluginError) {
                attributes["status"] = try machine.monitor.ask("query-status")["status"]
            } catch {
                attributes["status"] = .string("unknown: \(error.message)")
            }
            known["attributes"] = .object(attributes)
        }
        return .object(known)
    }

    private func remember(_ task: TaskDocument) {
        let machine = VirtualMachine(task)
        machines.withLock { $0[task.id] = machine }
    }

    /// What the job asks for, or the fastest that works.
    private func accelerator(
        _ config: JSON, _ emulator: Emulator, _ account: UserAccount
    ) throws(PluginError) -> QemuCommand.Accelerator {
        let text = try config.text("accelerator")
        guard text.isEmpty || QemuCommand.Accelerator(rawValue: text) != nil else {
            throw PluginError(.invalid, "\"accelerator\" must be \"tcg\" or \"kvm\", not \"\(text)\"")
        }
        guard text != "tcg" else { return .tcg }
        var reason = KVMDevice.obstacle(emulator) ?? ""
        if reason.isEmpty {
            do throws(PluginError) {
                reason = try trial.waiting(emulator.path)
            } catch {
                reason = error.message
            }
        }
        if reason.isEmpty { reason = KVMDevice.obstacle(account) ?? "" }
        guard !reason.isEmpty else { return .kvm }
        guard text != "kvm" else { throw PluginError(.unsupported, "\"accelerator\": kvm cannot be used: \(reason)") }
        return .tcg
    }

    /// Why guests do not run under kvm here, as far as is known now; "" when they do.
    private func obstacle(_ emulator: Emulator) -> String {
        if let obstacle = KVMDevice.obstacle(emulator) { return obstacle }
        switch trial.now(emulator.path) {
        case nil: return "a guest has yet to show that it runs under it"
        case .success(let reason): return reason
        case .failure(let error): return error.message
        }
    }
}
