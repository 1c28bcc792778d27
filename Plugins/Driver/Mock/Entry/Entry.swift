public import CDroverABI
internal import DroverSDK
internal import MockManifest
internal import MockPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: mock_driver_manifest()) {
    createPlugin(MockPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-driver-mock.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
