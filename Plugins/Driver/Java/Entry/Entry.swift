public import CDroverABI
internal import DroverSDK
internal import JavaManifest
internal import JavaPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: java_manifest()) {
    createPlugin(JavaPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-driver-java.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
