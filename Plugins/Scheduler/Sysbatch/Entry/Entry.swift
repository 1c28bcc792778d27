public import CDroverABI
internal import DroverSDK
internal import StockSchedulerPlugin
internal import SysbatchSchedulerManifest

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: sysbatch_scheduler_manifest()) {
    createPlugin(StockPlugin<SysbatchLibrary>.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-scheduler-sysbatch.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
