public import CDroverABI
internal import DroverSDK
internal import StockSchedulerPlugin
internal import SystemSchedulerManifest

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: system_scheduler_manifest()) {
    createPlugin(StockPlugin<SystemLibrary>.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-scheduler-system.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
