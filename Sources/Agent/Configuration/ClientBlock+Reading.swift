import HCL

extension ClientBlock {
    mutating func read(_ block: BodyReader) {
        block.set("enabled", &isEnabled)
        readFolders(block)
        block.append("servers", &servers)
        block.set("node_class", &nodeClass)
        block.set("node_pool", &nodePool)
        block.merge("options", &options)
        block.merge("meta", &meta)
        block.merge("chroot_env", &chrootEnv)
        readResources(block)
        readNetworks(block)
        readCollection(block)
        block.set("max_kill_timeout", &killTimeoutMax)
        block.set("no_host_uuid", &noHostUUID)
        block.set("disable_remote_exec", &disableRemoteExec)
        block.read("template", into: &template) { $1.read($0) }
        block.read("server_join", into: &join) { $1.read($0) }
        for volume in block.blocks("host_volume", labels: ["name"]) {
            var settings = HostVolumeBlock()
            volume.set("path", &settings.path)
            volume.set("read_only", &settings.isReadOnly)
            if settings.path.isEmpty { _ = volume.required("path") }
            volume.finish()
            hostVolumes[volume.labels.first ?? ""] = settings
        }
        block.set("cgroup_parent", &cgroupParent)
        block.set("nomad_service_discovery", &serviceDiscovery)
        block.read("artifact", into: &artifact) { $1.read($0) }
        if let drain = block.block("drain_on_shutdown") {
            var settings = drainOnShutdown ?? DrainOnShutdown()
            drain.set("deadline", &settings.deadline)
            drain.set("ignore_system_jobs", &settings.ignoreSystemJobs)
            drain.set("force", &settings.force)
            drain.finish()
            drainOnShutdown = settings
        }
        block.read("users", into: &self) { block, client in
            block.set("dynamic_user_min", &client.dynamicUserMin)
            block.set("dynamic_user_max", &client.dynamicUserMax)
        }
        block.set("node_max_allocs", &allocsMax)
        _ = block.string("log_file")
        for fingerprint in block.blocks("fingerprint", labels: ["name"]) {
            var retry = FingerprintRetry()
            fingerprint.set("retry_interval", &retry.interval)
            fingerprint.set("retry_attempts", &retry.attempts, in: -1...Int(Int32.max))
            fingerprint.set("exit_on_failure", &retry.exitOnFailure)
            fingerprint.finish()
            fingerprints[fingerprint.labels.first ?? ""] = retry
        }
        block.set("default_ineligible", &isIneligibleAtFirst)
    }

    private mutating func readFolders(_ block: BodyReader) {
        block.set("state_dir", &stateDirectory)
        block.set("alloc_dir", &allocDirectory)
        block.set("alloc_mounts_dir", &allocMountsDirectory)
        block.set("host_volumes_dir", &hostVolumesDirectory)
        block.set("host_volume_plugin_dir", &hostVolumePluginDirectory)
        block.set("common_plugin_dir", &commonPluginDirectory)
    }

    private mutating func readResources(_ block: BodyReader) {
        block.set("cpu_disable_dmidecode", &cpuDisableDmidecode)
        block.set("cpu_total_compute", &cpuTotalCompute)
        block.set("memory_total_mb", &memoryTotalMB)
        block.set("disk_total_mb", &diskTotalMB)
        block.set("disk_free_mb", &diskFreeMB)
        block.set("reservable_cores", &reservableCores)
        block.read("reserved", into: &reserved) { block, reserved in
            block.set("cpu", &reserved.cpu)
            block.set("memory", &reserved.memory)
            block.set("disk", &reserved.disk)
            block.set("reserved_ports", &reserved.reservedPorts)
            block.set("cores", &reserved.cores)
        }
    }

    private mutating func readNetworks(_ block: BodyReader) {
        block.set("network_interface", &networkInterface)
        block.set("preferred_address_family", &preferredAddressFamily)
        block.set("network_speed", &networkSpeed)
        block.set("client_min_port", &clientMinPort, in: 0...65_535)
        block.set("client_max_port", &clientMaxPort, in: 0...65_535)
        block.set("min_dynamic_port", &dynamicPortMin, in: 1...65_535)
        block.set("max_dynamic_port", &dynamicPortMax, in: 1...65_535)
        block.set("cni_path", &cniPath)
        block.set("cni_config_dir", &cniConfigDirectory)
        block.set("bridge_network_name", &bridgeNetworkName)
        block.set("bridge_network_subnet", &bridgeNetworkSubnet)
        block.set("bridge_network_subnet_ipv6", &bridgeNetworkSubnetIPv6)
        block.set("bridge_network_hairpin_mode", &bridgeNetworkHairpinMode)
        block.set("bind_wildcard_default_host_network", &bindWildcardDefaultHostNetwork)
        for network in block.blocks("host_network", labels: ["name"]) {
            var settings = HostNetworkBlock()
            network.set("cidr", &settings.cidr)
            network.set("interface", &settings.interface)
            network.set("reserved_ports", &settings.reservedPorts)
            network.finish()
            hostNetworks[network.labels.first ?? ""] = settings
        }
    }

    private mutating func readCollection(_ block: BodyReader) {
        block.set("gc_interval", &gcInterval)
        block.set("gc_parallel_destroys", &gcParallelDestroys, in: 1...1024)
        block.set("gc_disk_usage_threshold", &gcDiskUsageThreshold)
        block.set("gc_inode_usage_threshold", &gcInodeUsageThreshold)
        block.set("gc_max_allocs", &gcAllocsMax)
        block.set("gc_volumes_on_node_gc", &gcVolumesOnNodeGC)
    }
}

extension TemplateBlock {
    mutating func read(_ block: BodyReader) {
        block.set("function_blacklist", &functionDenylist)
        block.set("function_denylist", &functionDenylist)
        block.set("disable_file_sandbox", &disableFileSandbox)
        block.set("max_stale", &staleMax)
        block.set("block_query_wait", &blockQueryWait)
        block.read("wait", into: &wait) { $1.read($0) }
        if let bounds = block.block("wait_bounds") {
            var settings = waitBounds ?? WaitBounds()
            settings.read(bounds)
            bounds.finish()
            waitBounds = settings
        }
        block.read("consul_retry", into: &consulRetry) { $1.read($0) }
        block.read("vault_retry", into: &vaultRetry) { $1.read($0) }
        block.read("nomad_retry", into: &nomadRetry) { $1.read($0) }
        block.set("vault_default_lease_duration", &vaultDefaultLeaseDuration)
        block.set("use_client_consul_token", &useClientConsulToken)
    }
}

extension WaitBounds {
    mutating func read(_ block: BodyReader) {
        block.set("min", &min)
        block.set("max", &max)
    }
}

extension TemplateRetry {
    mutating func read(_ block: BodyReader) {
        block.set("attempts", &attempts)
        block.set("backoff", &backoff)
        block.set("max_backoff", &backoffMax)
    }
}

extension ArtifactBlock {
    mutating func read(_ block: BodyReader) {
        block.set("http_read_timeout", &httpReadTimeout)
        block.set("http_max_size", &httpSizeMax)
        block.set("gcs_timeout", &gcsTimeout)
        block.set("git_timeout", &gitTimeout)
        block.set("hg_timeout", &hgTimeout)
        block.set("s3_timeout", &s3Timeout)
        block.set("decompression_file_count_limit", &decompressionFileCountLimit)
        block.set("decompression_size_limit", &decompressionSizeLimit)
        block.set("disable_artifact_inspection", &disableArtifactInspection)
        block.set("disable_filesystem_isolation", &disableFilesystemIsolation)
        block.set("filesystem_isolation_extra_paths", &filesystemIsolationExtraPaths)
        block.set("set_environment_variables", &setEnvironmentVariables)
    }
}
