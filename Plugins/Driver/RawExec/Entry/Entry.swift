public import CDroverABI
internal import DroverSDK
internal import RawExecManifest
internal import RawExecPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: raw_exec_manifest()) {
    createPlugin(RawExecPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-driver-raw_exec.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
