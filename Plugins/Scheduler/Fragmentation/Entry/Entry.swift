public import CDroverABI
internal import DroverSDK
internal import FragmentationSchedulerManifest
internal import FragmentationSchedulerPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: fragmentation_scheduler_manifest()) {
    createPlugin(FragmentationPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-scheduler-fragmentation.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
