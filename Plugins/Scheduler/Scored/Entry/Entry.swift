public import CDroverABI
internal import DroverSDK
internal import ScoredSchedulerManifest
internal import ScoredSchedulerPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: scored_scheduler_manifest()) {
    createPlugin(ScoredPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-scheduler-scored.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
