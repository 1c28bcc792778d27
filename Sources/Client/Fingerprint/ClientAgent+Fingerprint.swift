internal import Basics
internal import Logging
internal import Model
internal import PluginHost
internal import Synchronization

/// The result of one look.
private enum Look: Sendable {
    case driver(String, DriverInfo?, Duration)
    case absent(String)
    case devices(String, DeviceFingerprint?)
}

extension ClientAgent {
    /// Looks at machine, drivers and devices, then again whenever one asks for it or its period is over; registers what has changed.
    func fingerprintForever() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.followDrivers() }
            group.addTask {
                for await name in self.world.fingerprinters.fingerprintChanges() {
                    for kind in ["machine:", "devices:"] { self.due.add(kind + name) }
                }
            }
            try await fingerprintUntilCancelled()
            group.cancelAll()
        }
    }

    /// Takes other options for the fingerprinters, and has everything looked at again.
    package func reload(options: [String: String]) {
        self.options.withLock { $0 = options }
        due.addAll()
    }

    private func followDrivers() async {
        for await event in world.drivers.driverEvents() {
            switch event {
            case .changed(let driver), .available(let driver), .unavailable(let driver, _): due.add("driver:" + driver)
            case .task: break
            }
        }
    }

    private func fingerprintUntilCancelled() async throws {
        var builder = NodeBuilder(configuration: world.configuration)
        var next: [String: Uptime] = [:]
        var names: Set<String> = []
        due.addAll()
        while true {
            let seen = due.signal.count
            let wanted = due.take()
            if wanted.all { names.formUnion(allNames) }
            try await look(at: names.union(wanted.names), &builder, &next)
            builder.devices.setPlugins(world.devices.providers.map(\.name))
            world.devices.set(builder.devices)
            publish(builder)
            failHolders()
            names = []
            let now = world.seam.time.uptime
            world.settled.set(now)
            let soonest = next.values.min()
            if let soonest, soonest > now {
                try await race(
                    [
                        { [world] in try await world.seam.time.sleep(until: soonest) },
                        { [due] in _ = try await due.signal.changed(since: seen) },
                    ] as [@Sendable () async throws -> Void])
            } else if soonest == nil {
                _ = try await due.signal.changed(since: seen)
            }
            let later = world.seam.time.uptime
            for (name, time) in next where time <= later { names.insert(name) }
        }
    }

    private var machineFingerprinters: [any Fingerprinter] {
        world.fingerprinters.fingerprinters + [NetworkFingerprinter(world: world)]
    }

    private var allNames: [String] {
        machineFingerprinters.map { "machine:" + $0.name }
            + world.drivers.driverNames.map { "driver:" + $0 }
            + world.devices.providers.map { "devices:" + $0.name }
    }

    /// Machine first, in order, as each sees what the ones before found; drivers and devices together.
    private func look(
        at names: Set<String>, _ builder: inout NodeBuilder, _ next: inout [String: Uptime]
    ) async throws {
        for fingerprinter in machineFingerprinters where names.contains("machine:" + fingerprinter.name) {
            let found = await probe(fingerprinter, builder.attributes)
            try Task.checkCancellation()
            if let found { builder.machine[fingerprinter.name] = found }
            schedule("machine:" + fingerprinter.name, found?.period ?? .seconds(30), &next)
        }
        let drivers = names.filter { $0.hasPrefix("driver:") }.map { String($0.dropFirst(7)) }.sorted()
        let looks = try await withThrowingTaskGroup(of: Look.self) { group in
            for name in drivers { group.addTask { await self.probeDriver(name) } }
            for provider in world.devices.providers where names.contains("devices:" + provider.name) {
                group.addTask { await self.probe(provider) }
            }
            var looks: [Look] = []
            for try await look in group { looks.append(look) }
            return looks
        }
        try Task.checkCancellation()
        for case .driver(let name, let info, let period) in looks {
            builder.drivers[name] = info
            schedule("driver:" + name, period, &next)
        }
        for case .absent(let name) in looks {
            builder.drivers[name] = nil
            next["driver:" + name] = nil
        }
        for case .devices(let name, let found) in looks {
            if let found { builder.devices.set(name, found) }
            schedule("devices:" + name, found?.period ?? .seconds(30), &next)
        }
    }

    private func schedule(_ name: String, _ period: Duration, _ next: inout [String: Uptime]) {
        next[name] = period > .zero ? world.seam.time.uptime + period : nil
    }

    private func probe(_ fingerprinter: any Fingerprinter, _ attributes: [String: String]) async -> MachineFingerprint?
    {
        do {
            var known = KnownMachine()
            known.attributes = attributes
            known.options = options.withLock { $0 }
            known.dataFolder = world.configuration.allocationFolder
            known.folders = ["state": world.configuration.stateFolder]
            for (name, volume) in world.configuration.hostVolumes { known.folders["volume." + name] = volume.path }
            return try await fingerprinter.probe(known)
        } catch {
            world.log.warning(
                "fingerprinter failed", metadata: ["plugin": "\(fingerprinter.name)", "error": "\(error)"])
            return nil
        }
    }

    private func probe(_ provider: any DeviceProvider) async -> Look {
        do {
            return .devices(provider.name, try await provider.probe())
        } catch {
            world.log.warning("no answer about devices", metadata: ["plugin": "\(provider.name)", "error": "\(error)"])
            return .devices(provider.name, nil)
        }
    }

    private func probeDriver(_ name: String) async -> Look {
        let configuration = world.configuration
        let isAllowed = configuration.allowedDrivers.isEmpty || configuration.allowedDrivers.contains(name)
        guard isAllowed, !configuration.deniedDrivers.contains(name) else { return .absent(name) }
        var info = DriverInfo()
        info.updateTime = TimeText(world.seam.time.now)
        guard let driver = world.drivers.driver(named: name) else {
            info.healthDescription = "the plug-in is not running"
            return .driver(name, info, .seconds(30))
        }
        do {
            let found = try await driver.fingerprint()
            info.detected = found.health != .undetected
            info.healthy = found.health == .healthy
            info.healthDescription = found.message.isEmpty && info.healthy ? "Healthy" : found.message
            info.attributes = found.attributes
            info.configSchema = driver.reportedSchema.map { DriverSchema.name(of: $0) } ?? ""
            return .driver(name, info, found.period)
        } catch {
            info.healthDescription = "\(error)"
            return .driver(name, info, .seconds(30))
        }
    }

    /// Replaces the node and registers it when something other than the time of a look has changed.
    private func publish(_ builder: NodeBuilder) {
        let changed = nodeState.withLock { node -> Bool in
            var next = builder.node(from: node)
            for (name, old) in node.drivers {
                guard var same = next.drivers[name] else { continue }
                let time = same.updateTime
                same.updateTime = old.updateTime
                if same != old { same.updateTime = time }
                next.drivers[name] = same
            }
            defer { node = next }
            return next != node
        }
        if changed || nodeChanged.count == 0 { nodeChanged.notify() }
    }
}

extension Driver {
    /// The schema as servers get it; nil when there is none, or it is too long to be sent.
    fileprivate var reportedSchema: JSON? {
        guard let taskSchema else { return nil }
        let schema = Schema.withoutTexts(taskSchema)
        return schema.bytes.count <= DriverSchema.bytesMax ? schema : nil
    }
}

extension ClientAgent {
    /// The schemas that the drivers of `node` name, by name.
    func schemas(of node: Node) -> [String: JSON] {
        var schemas: [String: JSON] = [:]
        for (driver, info) in node.drivers.sorted(by: { $0.key < $1.key }).prefix(DriverSchema.countMax)
        where !info.configSchema.isEmpty {
            schemas[info.configSchema] = world.drivers.driver(named: driver)?.reportedSchema
        }
        return schemas
    }
}
