public import CDroverABI
internal import DroverSDK
internal import HostFingerprintManifest
internal import HostFingerprintPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: host_fingerprint_manifest()) {
    createPlugin(HostFingerprintPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-fingerprint-host.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
