public import CDroverABI
internal import DroverSDK
internal import QemuManifest
internal import QemuPlugin

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: qemu_manifest()) {
    createPlugin(QemuPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-driver-qemu.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
