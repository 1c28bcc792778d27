internal import AgentConfiguration
internal import Basics
internal import Client
internal import Connections
internal import Glibc
internal import Linux
internal import Logging
internal import Model
internal import PluginHost
internal import Raft
internal import Server

extension AgentSettings {
    /// Resolves a configuration: folders made absolute, address templates filled in, defaults of the machine taken.
    ///
    /// - Throws: ``AgentError`` for what cannot be resolved on this machine or is not there yet.
    init(_ configuration: Configuration) throws {
        var folder = configuration.dataDirectory
        let isTemporary = folder.isEmpty && configuration.isDevelopment
        if isTemporary { folder = "/tmp/drover-\(getpid())" }
        let binaries = Machine.executableFolder
        var plugins = PluginHostConfiguration(
            stockFolder: binaries,
            pluginFolder: configuration.pluginDirectory.isEmpty ? nil : configuration.pluginDirectory,
            dataFolder: folder + "/plugins", hostProgram: binaries + "/drover")
        for (name, wanted) in configuration.plugins { plugins.plugins[name] = PluginHostConfiguration.Plugin(wanted) }
        plugins.giveRootFolders(configuration.client.chrootEnv)
        self.init(dataFolder: folder, plugins: plugins)
        removesDataFolder = isTemporary
        isDevelopment = configuration.isDevelopment
        region = configuration.region
        datacenter = configuration.datacenter
        name = configuration.name.isEmpty ? Machine.hostName : configuration.name
        try resolveAddresses(configuration)
        try resolveLogging(configuration)
        responseHeaders = configuration.httpAPIResponseHeaders
        resolveLimits(configuration.limits)
        security = AgentSecurity(configuration.tls)
        if configuration.server.isEnabled {
            server = try serverOptions(configuration)
            pool = try PoolSettings(configuration)
        }
        if configuration.client.isEnabled { client = clientConfiguration(configuration) }
        servers = try
            (configuration.client.servers + configuration.client.join.startJoin + configuration.client.join.retryJoin)
            .map { try AgentSettings.address($0, port: 4647, of: "client.servers") }
        try refuseWhatIsAbsent(configuration)
        shownConfiguration = shown()
    }

    // MARK: - Addresses

    private mutating func resolveAddresses(_ configuration: Configuration) throws {
        let bind = try AgentSettings.fill(configuration.bindAddress)
        let http = try AgentSettings.fill(configuration.addresses.http)
        let hosts = http.isEmpty ? [bind] : http.split(separator: " ").map(String.init)
        httpAddresses = hosts.map { NetworkAddress(host: $0, port: configuration.ports.http) }
        let rpc = try AgentSettings.fill(configuration.addresses.rpc)
        rpcAddress = NetworkAddress(host: rpc.isEmpty ? bind : rpc, port: configuration.ports.rpc)
        rpcAdvertised = try advertised(configuration.advertise.rpc, bound: rpcAddress, "advertise.rpc")
        let serf = try AgentSettings.fill(configuration.addresses.serf)
        serfAddress = NetworkAddress(host: serf.isEmpty ? bind : serf, port: configuration.ports.serf)
        serfAdvertised = try advertised(configuration.advertise.serf, bound: serfAddress, "advertise.serf")
        httpAdvertised = try advertised(configuration.advertise.http, bound: httpAddresses[0], "advertise.http")
    }

    private func advertised(_ text: String, bound: NetworkAddress, _ key: String) throws -> NetworkAddress {
        let text = try AgentSettings.fill(text)
        guard text.isEmpty else { return try AgentSettings.address(text, port: bound.port, of: key) }
        guard bound.host == "0.0.0.0" || bound.host == "::" else { return bound }
        let own =
            AgentSettings.interfaces().first { !$0.isLoopback && $0.isPrivate } ?? AgentSettings.interfaces().first
        return NetworkAddress(host: own?.address ?? "127.0.0.1", port: bound.port)
    }

    static func address(_ text: String, port: Int, of key: String) throws -> NetworkAddress {
        guard let address = NetworkAddress(text, defaultPort: port) else {
            throw AgentError("\(key): \"\(text)\" is not host or host:port")
        }
        return address
    }

    /// Fills in go-sockaddr templates.
    private static func fill(_ text: String) throws -> String {
        guard text.contains("{{") else { return text }
        return try AddressTemplate.resolve(text, interfaces: interfaces())
    }

    /// A timeout of 0 is none; a day is as good.
    private mutating func resolveLimits(_ limits: LimitsBlock) {
        connectionsPerClientMax = limits.httpConnectionsPerClientMax
        rpcConnectionsPerClientMax = limits.rpcConnectionsPerClientMax
        let day = Duration.seconds(86_400)
        httpsHandshakeTimeout = limits.httpsHandshakeTimeout == .zero ? day : limits.httpsHandshakeTimeout
        rpcHandshakeTimeout = limits.rpcHandshakeTimeout == .zero ? day : limits.rpcHandshakeTimeout
    }

    // MARK: - Parts

    private func serverOptions(_ configuration: Configuration) throws -> ServerOptions {
        let block = configuration.server
        var options = ServerOptions(
            folder: block.dataDirectory.isEmpty ? dataFolder + "/server" : AgentSettings.absolute(block.dataDirectory))
        options.region = region
        options.datacenter = datacenter
        options.name = name
        options.rpcAddress = rpcAdvertised
        options.expect = block.bootstrapExpect
        options.serfPort = serfAdvertised.port
        options.workers = block.schedulerCount ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        if !block.enabledSchedulers.isEmpty {
            options.schedulers = JobType.all.filter { block.enabledSchedulers.contains($0.rawValue) }
        }
        // 0 stands for the default (Nomad docs: raft_multiplier).
        options.raftMultiplier = max(1, block.raftMultiplier)
        options.heartbeatGrace = block.heartbeatGrace
        options.heartbeatIntervalMin = block.heartbeatTTLMin
        options.heartbeatsPerSecondMax = block.heartbeatsPerSecondMax
        options.heartbeatFailover = block.failoverHeartbeatTTL
        options.collectionInterval = block.jobGCInterval
        options.jobCollectionAge = block.jobGCThreshold
        options.evaluationCollectionAge = block.evalGCThreshold
        options.batchEvaluationCollectionAge = block.batchEvalGCThreshold
        options.nodeCollectionAge = block.nodeGCThreshold
        options.defaultPriority = block.jobDefaultPriority
        options.priorityMax = block.jobMaxPriority
        options.autopilot.cleanupDeadServers = configuration.autopilot.cleanupDeadServers
        options.autopilot.lastContactThreshold.duration = configuration.autopilot.lastContactThreshold
        options.autopilot.maxTrailingLogs = UInt64(max(0, configuration.autopilot.trailingLogsMax))
        options.autopilot.minQuorum = configuration.autopilot.quorumMin
        options.autopilot.serverStabilizationTime.duration = configuration.autopilot.serverStabilizationTime
        options.autopilot.enableRedundancyZones = configuration.autopilot.enableRedundancyZones
        options.autopilot.disableUpgradeMigration = configuration.autopilot.disableUpgradeMigration
        options.autopilot.enableCustomUpgrades = configuration.autopilot.enableCustomUpgrades
        options.jobCountMax = block.jobMaxCount == 0 ? .max : block.jobMaxCount
        return options
    }

    private func clientConfiguration(_ configuration: Configuration) -> ClientConfiguration {
        let block = configuration.client
        func folder(_ text: String, _ name: String) -> String {
            text.isEmpty ? dataFolder + "/" + name : AgentSettings.absolute(text)
        }
        var client = ClientConfiguration(
            stateFolder: folder(block.stateDirectory, "client"), allocationFolder: folder(block.allocDirectory, "alloc")
        )
        client.region = region
        client.datacenter = datacenter
        client.name = name
        client.nodeClass = block.nodeClass
        client.nodePool = block.nodePool
        client.meta = block.meta
        client.options = block.options
        // What the fingerprinters are told.
        if !block.networkInterface.isEmpty { client.options["network_interface"] = block.networkInterface }
        client.httpAddress = httpAdvertised.description
        client.usesTLS = security?.isOnHTTP ?? false
        client.reserved.cpu.cpuShares = Int64(block.reserved.cpu)
        client.reserved.memory.memoryMB = Int64(block.reserved.memory)
        client.reserved.disk.diskMB = Int64(block.reserved.disk)
        client.reserved.networks.reservedHostPorts = block.reserved.reservedPorts
        for (name, volume) in block.hostVolumes {
            client.hostVolumes[name] = HostVolumeInfo(path: volume.path, readOnly: volume.isReadOnly)
        }
        for (name, network) in block.hostNetworks {
            var info = HostNetworkInfo()
            info.name = name
            info.cidr = network.cidr
            info.interface = network.interface
            info.reservedPorts = network.reservedPorts
            client.hostNetworks[name] = info
        }
        if !block.cgroupParent.isEmpty { client.cgroupParent = block.cgroupParent }
        client.maxKillTimeout = block.killTimeoutMax
        client.minDynamicPort = block.dynamicPortMin
        client.maxDynamicPort = block.dynamicPortMax
        client.endedAllocationsMax = block.gcAllocsMax
        client.collectInterval = block.gcInterval
        client.diskUsageMax = block.gcDiskUsageThreshold
        client.cpuTotalCompute = Int64(block.cpuTotalCompute)
        client.networkSpeed = block.networkSpeed
        client.memoryTotalMB = Int64(block.memoryTotalMB)
        client.diskTotalMB = Int64(block.diskTotalMB)
        client.cniFolders = block.cniPath.split(separator: ":").map { AgentSettings.absolute(String($0)) }
        client.cniConfigurationFolder = AgentSettings.absolute(block.cniConfigDirectory)
        client.bridge.name = block.bridgeNetworkName
        client.bridge.subnet = block.bridgeNetworkSubnet
        client.bridge.subnetIPv6 = block.bridgeNetworkSubnetIPv6
        client.bridge.isHairpin = block.bridgeNetworkHairpinMode
        client.nodeMaxAllocs = block.allocsMax
        client.attributes = ["nomad.version": Version.compatibility, "drover.version": Version.text]
        applyOptions(block.options, &client)
        return client
    }

    /// The lists of the older `client.options` map.
    private func applyOptions(_ options: [String: String], _ client: inout ClientConfiguration) {
        func list(_ key: String) -> [String] {
            (options[key] ?? "").split(separator: ",").map { $0.drop { $0 == " " } }.map(String.init).filter {
                !$0.isEmpty
            }
        }
        client.allowedDrivers = list("driver.allowlist")
        client.deniedDrivers = list("driver.denylist")
        client.deniedUsers = list("user.denylist")
        let denied = options["env.denylist"] == nil ? ClientConfiguration.deniedVariables : list("env.denylist")
        client.inheritedEnvironment = AgentSettings.environment().filter { !denied.contains($0.key) }
    }

    private func refuseWhatIsAbsent(_ configuration: Configuration) throws {
        if configuration.acl.isEnabled {
            throw AgentError("acl.enabled: this release has no access control yet; remove the block to run without")
        }
        guard server != nil || client != nil else {
            throw AgentError(
                "neither a server nor a client: give -dev, -server, -client or a configuration that enables one")
        }
    }

    // MARK: - Logging

    private mutating func resolveLogging(_ configuration: Configuration) throws {
        logsJSON = configuration.logJSON
        logFile = configuration.logFile.isEmpty ? nil : AgentSettings.absolute(configuration.logFile)
        logFileBytesMax = configuration.logRotateBytes
        logFilesMax = max(0, configuration.logRotateFilesMax)
        switch configuration.logLevel.uppercased() {
        case "TRACE": logLevel = .trace
        case "DEBUG": logLevel = .debug
        case "INFO": logLevel = .info
        case "WARN": logLevel = .warning
        case "ERROR": logLevel = .error
        case "OFF": logLevel = .critical
        default:
            throw AgentError("log_level: \"\(configuration.logLevel)\" is none of TRACE, DEBUG, INFO, WARN, ERROR, OFF")
        }
    }

    /// The settings as `/v1/agent/self` shows them.
    private func shown() -> JSON {
        .object([
            ("Region", .string(region)), ("Datacenter", .string(datacenter)), ("NodeName", .string(name)),
            ("DataDir", .string(dataFolder)), ("LogLevel", .string("\(logLevel)".uppercased())),
            ("DevMode", .bool(isDevelopment)),
            ("BindAddr", .string(rpcAddress.host)),
            (
                "Ports",
                .object([
                    ("HTTP", .integer(Int64(httpAdvertised.port))), ("RPC", .integer(Int64(rpcAdvertised.port))),
                    ("Serf", .integer(Int64(serfAdvertised.port))),
                ])
            ),
            (
                "Server",
                .object([
                    ("Enabled", .bool(server != nil)), ("AuthoritativeRegion", .string(pool.authoritativeRegion)),
                    ("RetryJoin", .array(pool.retryJoin.map { .string($0) })),
                    ("RejoinAfterLeave", .bool(pool.rejoinsAfterLeave)),
                ])
            ),
            ("LeaveOnInt", .bool(pool.leavesOnInterrupt)), ("LeaveOnTerm", .bool(pool.leavesOnTerminate)),
            ("Client", .object([("Enabled", .bool(client != nil))])),
            ("Version", .object([("Version", .string(Version.compatibility)), ("Drover", .string(Version.text))])),
            ("ACL", .object([("Enabled", .bool(false))])),
            ("TLSConfig", security?.shown ?? .object([("EnableHTTP", .bool(false)), ("EnableRPC", .bool(false))])),
        ])
    }
}

extension AgentSecurity {
    /// Nil when the block turns TLS on nowhere; a checked block has all it needs.
    fileprivate init?(_ block: TLSBlock) {
        guard block.http || block.rpc else { return nil }
        files = TLSSettings(
            authorityFile: AgentSettings.absolute(block.caFile),
            certificateFile: AgentSettings.absolute(block.certFile),
            keyFile: AgentSettings.absolute(block.keyFile))
        files.versionMin = TLSSettings.Version(rawValue: block.versionMin) ?? .tls12
        files.cipherSuites = block.cipherSuites.split(separator: ",").map { suite in
            String(suite.drop { $0 == " " }.prefix { $0 != " " })
        }
        isOnHTTP = block.http
        isOnRPC = block.rpc
        checksNames = block.verifyServerHostname
        allowsPlain = block.rpcUpgradeMode
        asksCertificate = block.verifyHTTPSClient
    }

    /// As `/v1/agent/self` shows it.
    fileprivate var shown: JSON {
        .object([
            ("EnableHTTP", .bool(isOnHTTP)), ("EnableRPC", .bool(isOnRPC)),
            ("VerifyServerHostname", .bool(checksNames)), ("RPCUpgradeMode", .bool(allowsPlain)),
            ("VerifyHTTPSClient", .bool(asksCertificate)), ("CAFile", .string(files.authorityFile)),
            ("CertFile", .string(files.certificateFile)), ("KeyFile", .string(files.keyFile)),
            ("TLSMinVersion", .string(files.versionMin.rawValue)),
            ("TLSCipherSuites", .string(files.cipherSuites.joined(separator: ","))),
        ])
    }
}

extension PluginHostConfiguration {
    /// Hands `client.chroot_env` to the drivers that make roots of it, unless their own blocks say otherwise.
    fileprivate mutating func giveRootFolders(_ folders: [String: String]) {
        guard !folders.isEmpty else { return }
        let map = JSON.object(folders.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
        for name in ["exec", "java"] {
            var plugin = plugins[name] ?? Plugin()
            var config = plugin.config.object ?? JSONObject()
            guard config["chroot_env"] == nil else { continue }
            config["chroot_env"] = map
            plugin.config = .object(config)
            plugins[name] = plugin
        }
    }
}

extension PluginHostConfiguration.Plugin {
    fileprivate init(_ block: PluginBlock) {
        self.init()
        isEnabled = block.isEnabled
        isolation = PluginIsolation(rawValue: block.isolation)
        config = block.config
    }
}

extension HostVolumeInfo {
    fileprivate init(path: String, readOnly: Bool) {
        self.init()
        self.path = path
        self.readOnly = readOnly
    }
}
