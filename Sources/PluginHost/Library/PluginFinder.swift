internal import Linux

/// A library that may be a plug-in.
struct PluginFile: Sendable, Hashable {
    let path: String
    /// Came with the agent.
    let isStock: Bool
}

/// Finds plug-in libraries in folders; opens none.
enum PluginFinder {
    /// `libdrover-*.so` of the stock folder and every `*.so` of the operator's, in byte order, the operator's last.
    static func files(stock: String, operator folder: String?) -> [PluginFile] {
        var files = Folder.names(stock)
            .filter { $0.hasPrefix("libdrover-") && $0.hasSuffix(".so") }
            .map { PluginFile(path: "\(stock)/\($0)", isStock: true) }
        if let folder, folder != stock {
            files += Folder.names(folder).filter { $0.hasSuffix(".so") && !$0.hasPrefix(".") }
                .map { PluginFile(path: "\(folder)/\($0)", isStock: false) }
        }
        return files
    }
}
