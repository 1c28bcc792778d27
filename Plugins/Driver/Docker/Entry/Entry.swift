public import CDroverABI
internal import DockerManifest
internal import DockerPlugin
internal import DroverSDK

// Written once, when the entry is first asked for; read-only after.
nonisolated(unsafe) private let plugin = pluginTable(manifest: docker_manifest()) {
    createPlugin(DockerPlugin.self, $0, $1, $2, $3)
}

/// The one symbol of libdrover-driver-docker.so.
@c @implementation
public func drover_plugin_entry() -> UnsafePointer<drover_plugin>? { plugin }
