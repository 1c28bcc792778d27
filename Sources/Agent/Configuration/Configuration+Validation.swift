import Basics

extension Configuration {
    /// What keeps an agent from starting with these settings, one sentence each; empty when nothing does.
    ///
    /// Only the settings are looked at: that a folder can be written or a port is free is found when it is used.
    package func validate() -> [String] {
        var faults: [String] = []
        if !server.isEnabled, !client.isEnabled {
            faults.append(
                "Must have at least client or server mode enabled: "
                    + "set server { enabled = true }, client { enabled = true }, or use -dev"
            )
        }
        if region.isEmpty || region.contains("\0") || region.contains("/") {
            faults.append("region \"\(region)\" must not be empty or hold a slash")
        }
        if datacenter.isEmpty || datacenter.contains("*") || datacenter.contains("\0") {
            faults.append("datacenter \"\(datacenter)\" must not be empty or hold \"*\"")
        }
        if dataDirectory.isEmpty, !isDevelopment {
            faults.append("Must specify \"data_dir\" config option or \"-data-dir\" command line flag")
        }
        let folders = [
            ("data_dir", dataDirectory), ("plugin_dir", pluginDirectory), ("client.state_dir", client.stateDirectory),
            ("client.alloc_dir", client.allocDirectory), ("server.data_dir", server.dataDirectory),
        ]
        for (key, path) in folders where !path.isEmpty && !path.hasPrefix("/") {
            faults.append("\(key) must be given as an absolute path: got \"\(path)\"")
        }
        if !["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF"].contains(logLevel.uppercased()) {
            faults.append("log_level \"\(logLevel)\" is not one of TRACE, DEBUG, INFO, WARN, ERROR, OFF")
        }
        let given = [("http", ports.http), ("rpc", ports.rpc), ("serf", ports.serf)].filter { $0.1 != 0 }
        if Set(given.map(\.1)).count != given.count {
            faults.append("ports must differ: \(given.map { "\($0.0) \($0.1)" }.joined(separator: ", "))")
        }
        for (name, plugin) in plugins.sorted(by: { $0.key < $1.key })
        where !["", "process", "agent"].contains(plugin.isolation) {
            faults.append("plugin \"\(name)\": isolation \"\(plugin.isolation)\" is not \"process\" or \"agent\"")
        }
        return faults + validateTLS() + validateServer() + validateClient()
    }

    private func validateTLS() -> [String] {
        var faults: [String] = []
        if tls.http || tls.rpc {
            for (key, file) in [("ca_file", tls.caFile), ("cert_file", tls.certFile), ("key_file", tls.keyFile)]
            where file.isEmpty {
                faults.append("tls.\(key) must name a PEM file when tls.http or tls.rpc is on")
            }
        }
        if !["tls10", "tls11", "tls12", "tls13"].contains(tls.versionMin) {
            faults.append("tls.tls_min_version \"\(tls.versionMin)\" is not one of tls10, tls11, tls12, tls13")
        }
        if tls.rpcUpgradeMode, !tls.rpc { faults.append("tls.rpc_upgrade_mode needs tls.rpc: set both, or neither") }
        if tls.verifyHTTPSClient, !tls.http {
            faults.append("tls.verify_https_client needs tls.http: set both, or neither")
        }
        return faults
    }

    private func validateServer() -> [String] {
        guard server.isEnabled else { return [] }
        var faults: [String] = []
        if !isDevelopment, server.bootstrapExpect == 0, server.join.retryJoin.isEmpty, server.join.startJoin.isEmpty {
            faults.append(
                "server.bootstrap_expect must be the number of servers that start the cluster (1 for a single one), "
                    + "or server_join must name servers to join")
        }
        if !server.encrypt.isEmpty, ![24, 32, 44].contains(server.encrypt.utf8.count) {
            faults.append("server.encrypt must be base64 of a key of 16, 24 or 32 bytes")
        }
        if server.jobDefaultPriority > server.jobMaxPriority {
            faults.append(
                "server.job_default_priority (\(server.jobDefaultPriority)) must not be above "
                    + "job_max_priority (\(server.jobMaxPriority))"
            )
        }
        let types = ["service", "batch", "system", "sysbatch", "_core"]
        for name in server.enabledSchedulers where !types.contains(name) {
            faults.append("server.enabled_schedulers: \"\(name)\" is not one of \(types.joined(separator: ", "))")
        }
        if server.heartbeatTTLMin <= .zero { faults.append("server.min_heartbeat_ttl must be above zero") }
        if server.heartbeatsPerSecondMax <= 0 { faults.append("server.max_heartbeats_per_second must be above zero") }
        if server.schedulerDefaults.algorithm.isEmpty {
            faults.append("server.default_scheduler_config.scheduler_algorithm must not be empty")
        }
        if !["none", "warn", "strict"].contains(server.clientIntroduction.enforcement) {
            faults.append("server.client_introduction.enforcement must be none, warn or strict")
        }
        return faults
    }

    private func validateClient() -> [String] {
        guard client.isEnabled else { return [] }
        var faults: [String] = []
        if client.dynamicPortMin > client.dynamicPortMax {
            faults.append(
                "client.min_dynamic_port (\(client.dynamicPortMin)) must not be above "
                    + "max_dynamic_port (\(client.dynamicPortMax))"
            )
        }
        for (key, value) in [
            ("gc_disk_usage_threshold", client.gcDiskUsageThreshold),
            ("gc_inode_usage_threshold", client.gcInodeUsageThreshold),
        ] where !(0...100).contains(value) {
            faults.append("client.\(key) must be 0 to 100 percent: got \(value)")
        }
        if client.nodePool == "all" || client.nodePool.isEmpty {
            faults.append("client.node_pool \"\(client.nodePool)\" is not a pool that nodes can be in")
        }
        if PortRanges(client.reserved.reservedPorts) == nil {
            faults.append(
                "client.reserved.reserved_ports \"\(client.reserved.reservedPorts)\" is not a list such as 22,8500-8600"
            )
        }
        for (name, network) in client.hostNetworks.sorted(by: { $0.key < $1.key }) {
            if PortRanges(network.reservedPorts) == nil {
                faults.append(
                    "client.host_network \"\(name)\": reserved_ports \"\(network.reservedPorts)\" "
                        + "is not a list such as 22,8500-8600"
                )
            }
        }
        for (name, volume) in client.hostVolumes.sorted(by: { $0.key < $1.key }) where !volume.path.hasPrefix("/") {
            faults.append("client.host_volume \"\(name)\": path must be absolute: got \"\(volume.path)\"")
        }
        if let name = client.meta.keys.sorted().first(where: { $0.isEmpty || $0.contains("\0") }) {
            faults.append("client.meta: \"\(name)\" is not a valid key")
        }
        return faults
    }
}

/// Port numbers written as `22,80,8500-8600`.
package struct PortRanges: Sendable, Equatable {
    package let ranges: [ClosedRange<Int>]

    /// Nil when the text is not such a list, or a port is not 0...65535; an empty text is no port.
    package init?(_ text: String) {
        var ranges: [ClosedRange<Int>] = []
        for part in text.split(separator: ",") {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map { bound in
                Int(bound.drop { $0 == " " }.prefix { $0 != " " })
            }
            guard (1...2).contains(bounds.count), let low = bounds[0], let high = bounds[bounds.count - 1],
                (0...65_535).contains(low), (low...65_535).contains(high)
            else { return nil }
            ranges.append(low...high)
        }
        self.ranges = ranges
    }

    /// Every port, in order, each once.
    package var ports: [Int] { Set(ranges.joined()).sorted() }
}
