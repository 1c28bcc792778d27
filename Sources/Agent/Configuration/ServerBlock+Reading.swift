import HCL

extension ServerBlock {
    mutating func read(_ block: BodyReader) {
        block.set("enabled", &isEnabled)
        block.set("authoritative_region", &authoritativeRegion)
        block.set("bootstrap_expect", &bootstrapExpect, in: 0...99)
        block.set("data_dir", &dataDirectory)
        _ = block.int("protocol_version")
        block.set("raft_protocol", &raftProtocol, in: 2...3)
        block.set("raft_multiplier", &raftMultiplier, in: 0...10)
        block.set("num_schedulers", &schedulerCount, in: 0...1024)
        block.append("enabled_schedulers", &enabledSchedulers)
        readCollection(block)
        block.set("heartbeat_grace", &heartbeatGrace)
        block.set("min_heartbeat_ttl", &heartbeatTTLMin)
        block.set("max_heartbeats_per_second", &heartbeatsPerSecondMax)
        block.set("failover_heartbeat_ttl", &failoverHeartbeatTTL)
        // The older place of the keys of server_join.
        join.read(block)
        block.read("server_join", into: &join) { $1.read($0) }
        block.set("rejoin_after_leave", &rejoinAfterLeave)
        block.set("non_voting_server", &nonVotingServer)
        block.set("redundancy_zone", &redundancyZone)
        block.set("upgrade_version", &upgradeVersion)
        block.set("encrypt", &encrypt)
        block.read("default_scheduler_config", into: &schedulerDefaults) { $1.read($0) }
        block.read("plan_rejection_tracker", into: &planRejectionTracker) { block, tracker in
            block.set("enabled", &tracker.isEnabled)
            block.set("node_threshold", &tracker.nodeThreshold)
            block.set("node_window", &tracker.nodeWindow)
        }
        block.set("plan_apply_pipeline", &planApplyPipeline)
        block.set("enable_event_broker", &enableEventBroker)
        block.set("event_buffer_size", &eventBufferSize)
        block.read("search", into: &search) { block, search in
            block.set("fuzzy_enabled", &search.isFuzzyEnabled)
            block.set("limit_query", &search.limitQuery)
            block.set("limit_results", &search.limitResults)
            block.set("min_term_length", &search.minTermLength)
        }
        block.set("deploy_query_rate_limit", &deployQueryRateLimit)
        readRaft(block)
        block.set("job_default_priority", &jobDefaultPriority, in: 1...32_766)
        block.set("job_max_priority", &jobMaxPriority, in: 100...32_766)
        block.set("job_max_count", &jobMaxCount)
        block.set("job_max_source_size", &jobMaxSourceSize)
        block.set("job_tracked_versions", &jobTrackedVersions, in: 1...Int(Int32.max))
        block.set("oidc_issuer", &oidcIssuer)
        block.set("start_timeout", &startTimeout)
        block.set("license_path", &licensePath)
        _ = block.string("log_file")
        _ = block.bool("non_production")
        block.read("client_introduction", into: &clientIntroduction) { block, introduction in
            block.set("enforcement", &introduction.enforcement)
            block.set("default_identity_ttl", &introduction.defaultIdentityTTL)
            block.set("max_identity_ttl", &introduction.identityTTLMax)
        }
    }

    private mutating func readCollection(_ block: BodyReader) {
        block.set("node_gc_threshold", &nodeGCThreshold)
        block.set("job_gc_interval", &jobGCInterval)
        block.set("job_gc_threshold", &jobGCThreshold)
        block.set("eval_gc_threshold", &evalGCThreshold)
        block.set("batch_eval_gc_threshold", &batchEvalGCThreshold)
        block.set("deployment_gc_threshold", &deploymentGCThreshold)
        block.set("csi_volume_claim_gc_interval", &csiVolumeClaimGCInterval)
        block.set("csi_volume_claim_gc_threshold", &csiVolumeClaimGCThreshold)
        block.set("csi_plugin_gc_threshold", &csiPluginGCThreshold)
        block.set("acl_token_gc_threshold", &aclTokenGCThreshold)
        block.set("root_key_gc_interval", &rootKeyGCInterval)
        block.set("root_key_gc_threshold", &rootKeyGCThreshold)
        block.set("root_key_rotation_threshold", &rootKeyRotationThreshold)
    }

    private mutating func readRaft(_ block: BodyReader) {
        block.set("raft_snapshot_threshold", &raftSnapshotThreshold)
        block.set("raft_snapshot_interval", &raftSnapshotInterval)
        block.set("raft_trailing_logs", &raftTrailingLogs)
        block.read("raft_boltdb", into: &raftNoFreelistSync) { $0.set("no_freelist_sync", &$1) }
        block.read("raft_logstore", into: &raftLogBackend) { block, backend in
            block.set("backend", &backend)
            _ = block.bool("disable_log_cache")
            // Our log has one form; the keys of the two others are accepted and have no effect.
            var unused = false
            block.read("boltdb", into: &unused) { $0.set("no_freelist_sync", &$1) }
            var segmentSize = 64
            block.read("wal", into: &segmentSize) { $0.set("segment_size_mb", &$1) }
            block.read("verification", into: &unused) { block, enabled in
                block.set("enabled", &enabled)
                _ = block.duration("interval")
            }
        }
    }
}

extension JoinBlock {
    mutating func read(_ block: BodyReader) {
        block.append("start_join", &startJoin)
        block.append("retry_join", &retryJoin)
        block.set("retry_max", &retriesMax)
        block.set("retry_interval", &retryInterval)
    }
}

extension SchedulerDefaults {
    mutating func read(_ block: BodyReader) {
        block.set("scheduler_algorithm", &algorithm)
        block.set("memory_oversubscription_enabled", &memoryOversubscription)
        block.set("reject_job_registration", &rejectJobRegistration)
        block.set("pause_eval_broker", &pauseEvalBroker)
        block.set("node_limit_for_feasibility_checks", &nodeLimitForFeasibilityChecks)
        block.read("preemption_config", into: &self) { block, defaults in
            block.set("system_scheduler_enabled", &defaults.preemptSystem)
            block.set("sysbatch_scheduler_enabled", &defaults.preemptSysBatch)
            block.set("batch_scheduler_enabled", &defaults.preemptBatch)
            block.set("service_scheduler_enabled", &defaults.preemptService)
        }
    }
}
