public import CDroverABI
internal import DroverSDK
internal import ExecManifest
internal import ExecPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: exec_manifest()) {
    createPlugin(ExecPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-driver-exec.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
