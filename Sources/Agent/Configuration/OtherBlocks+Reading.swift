import HCL

extension ACLBlock {
    mutating func read(_ block: BodyReader) {
        block.set("enabled", &isEnabled)
        block.set("token_ttl", &tokenTTL)
        block.set("policy_ttl", &policyTTL)
        block.set("role_ttl", &roleTTL)
        block.set("replication_token", &replicationToken)
        block.set("token_min_expiration_ttl", &tokenExpirationTTLMin)
        block.set("token_max_expiration_ttl", &tokenExpirationTTLMax)
    }
}

extension RPCBlock {
    mutating func read(_ block: BodyReader) {
        block.set("accept_backlog", &acceptBacklog, in: 1...65_535)
        block.set("keep_alive_interval", &keepAliveInterval)
        block.set("connection_write_timeout", &connectionWriteTimeout)
        block.set("stream_open_timeout", &streamOpenTimeout)
        block.set("stream_close_timeout", &streamCloseTimeout)
        block.set("dial_timeout", &dialTimeout)
    }
}

extension TLSBlock {
    mutating func read(_ block: BodyReader) {
        block.set("http", &http)
        block.set("rpc", &rpc)
        block.set("verify_server_hostname", &verifyServerHostname)
        block.set("ca_file", &caFile)
        block.set("cert_file", &certFile)
        block.set("key_file", &keyFile)
        block.set("rpc_upgrade_mode", &rpcUpgradeMode)
        block.set("verify_https_client", &verifyHTTPSClient)
        block.set("tls_cipher_suites", &cipherSuites)
        block.set("tls_min_version", &versionMin)
        _ = block.bool("tls_prefer_server_cipher_suites")
    }
}

extension LimitsBlock {
    mutating func read(_ block: BodyReader) {
        block.set("https_handshake_timeout", &httpsHandshakeTimeout)
        block.set("http_max_conns_per_client", &httpConnectionsPerClientMax)
        block.set("rpc_handshake_timeout", &rpcHandshakeTimeout)
        block.set("rpc_max_conns_per_client", &rpcConnectionsPerClientMax)
    }
}

extension AutopilotBlock {
    mutating func read(_ block: BodyReader) {
        block.set("cleanup_dead_servers", &cleanupDeadServers)
        block.set("server_stabilization_time", &serverStabilizationTime)
        block.set("last_contact_threshold", &lastContactThreshold)
        block.set("max_trailing_logs", &trailingLogsMax)
        block.set("min_quorum", &quorumMin)
        block.set("enable_redundancy_zones", &enableRedundancyZones)
        block.set("disable_upgrade_migration", &disableUpgradeMigration)
        block.set("enable_custom_upgrades", &enableCustomUpgrades)
    }
}

extension UIBlock {
    mutating func read(_ block: BodyReader) {
        block.set("enabled", &isEnabled)
        block.set("show_cli_hints", &showCLIHints)
        block.read("content_security_policy", into: &contentSecurityPolicy) { block, policy in
            let directives = [
                "connect_src", "default_src", "form_action", "frame_ancestors", "img_src", "script_src", "style_src",
            ]
            for directive in directives {
                if let sources = block.strings(directive) { policy[directive] = sources }
            }
        }
        block.read("consul", into: &consulURL) { $0.set("ui_url", &$1) }
        block.read("vault", into: &vaultURL) { $0.set("ui_url", &$1) }
        block.read("label", into: &self) { block, ui in
            block.set("text", &ui.labelText)
            block.set("background_color", &ui.labelBackgroundColor)
            block.set("text_color", &ui.labelTextColor)
        }
    }
}

extension TelemetryBlock {
    mutating func read(_ block: BodyReader) {
        block.set("in_memory_collection_interval", &inMemoryCollectionInterval)
        block.set("in_memory_retention_period", &inMemoryRetentionPeriod)
        block.set("statsite_address", &statsiteAddress)
        block.set("statsd_address", &statsdAddress)
        block.set("datadog_address", &datadogAddress)
        block.set("datadog_tags", &datadogTags)
        block.set("prometheus_metrics", &prometheusMetrics)
        block.set("disable_hostname", &disableHostname)
        block.set("use_node_name", &useNodeName)
        block.set("collection_interval", &collectionInterval)
        block.set("publish_allocation_metrics", &publishAllocationMetrics)
        block.set("publish_node_metrics", &publishNodeMetrics)
        block.set("include_alloc_metadata_in_metrics", &includeAllocMetadataInMetrics)
        block.set("allowed_metadata_keys_in_metrics", &allowedMetadataKeysInMetrics)
        block.set("prefix_filter", &prefixFilter)
        block.set("filter_default", &filterDefault)
        block.set("disable_dispatched_job_summary_metrics", &disableDispatchedJobSummaryMetrics)
        block.set("disable_quota_utilization_metrics", &disableQuotaUtilizationMetrics)
        block.set("disable_rpc_rate_metrics_labels", &disableRPCRateMetricsLabels)
        block.set("disable_allocation_hook_metrics", &disableAllocationHookMetrics)
        let names = [
            "api_token", "api_app", "api_url", "submission_interval", "submission_url", "check_id",
            "check_force_metric_activation", "check_instance_id", "check_search_tag", "check_tags",
            "check_display_name", "broker_id", "broker_select_tag",
        ]
        for name in names {
            if let value = block.string("circonus_\(name)") { circonus[name] = value }
        }
    }
}
