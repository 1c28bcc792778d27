internal import DroverSDK
internal import TaskIsolation

/// The operator's configuration of `qemu`.
struct QemuSettings: Sendable {
    /// Folders of the host whose images jobs may use; absolute, without a slash at the end.
    let imageFolders: [String]
    private let options: Set<String>
    private let architectures: Set<String>
    /// How the emulator's own process is isolated: the usual way.
    let isolation: IsolationSettings

    /// `isolation` is the configuration of how emulators are isolated: the operator has no say in it.
    ///
    /// - Throws: ``PluginError`` naming the key that is wrong.
    init(_ config: JSON, isolation: JSON = [:]) throws(PluginError) {
        var folders: [String] = []
        for text in try config.texts("image_paths") {
            let parts = text.split(separator: "/")
            guard text.hasPrefix("/"), !parts.isEmpty, !parts.contains(".."), !parts.contains(".") else {
                throw PluginError(.invalid, "\"image_paths\": \"\(text)\" is no absolute path of a folder below /")
            }
            folders.append("/" + parts.joined(separator: "/"))
        }
        imageFolders = folders
        options = Set(try config.texts("args_allowlist"))
        architectures = Set(try config.texts("emulators_allowlist").map(Emulator.architecture))
        self.isolation = try IsolationSettings(isolation)
    }

    /// Whether jobs may use the emulator of an architecture.
    func allows(_ architecture: String) -> Bool { architectures.isEmpty || architectures.contains(architecture) }

    /// Refuses options that the operator's list does not hold, whatever blanks are before them.
    func check(options arguments: [String]) throws(PluginError) {
        guard !options.isEmpty else { return }
        for argument in arguments where argument.drop(while: \.isWhitespace).hasPrefix("-") {
            guard options.contains(argument) else {
                throw PluginError(.denied, "\"args\": \"\(argument)\" is not in the operator's args_allowlist")
            }
        }
    }
}
