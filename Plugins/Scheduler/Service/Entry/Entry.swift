public import CDroverABI
internal import DroverSDK
internal import ServiceSchedulerManifest
internal import StockSchedulerPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: service_scheduler_manifest()) {
    createPlugin(StockPlugin<ServiceLibrary>.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-scheduler-service.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
