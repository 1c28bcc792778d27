internal import Basics
internal import CDroverABI

/// What a plug-in's process is told first: which library to load, and for whom.
struct HostSettings: Document {
    var file = ""
    /// The instance's configuration, checked already.
    var config: JSON = .object([])
    /// The plug-in's own folder: key-value state, runs of its tasks.
    var folder = ""
    /// The program `drover-shim`; empty: beside this process's executable.
    var shim = ""
    var cgroupParent = "drover"

    init() {}

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("File", &file)
        try visitor.field("Config", &config)
        try visitor.field("Folder", &folder)
        try visitor.field("Shim", &shim)
        try visitor.field("CgroupParent", &cgroupParent)
    }

    /// Loads the library here and makes an instance with its own host tables.
    func makeInstance(services: any HostServices, clock: any PluginClock) throws(PluginError) -> LocalInstance {
        let manifest = try Manifest(library: file)
        let library = try LoadedLibrary(path: file, manifest: manifest)
        let identity = PluginIdentity(name: manifest.name, folder: folder)
        let folders = TaskFolders()
        var configuration = ShimExecutor.Configuration(
            runRoot: folder + "/run", shim: shim.isEmpty ? nil : shim, cgroupParent: cgroupParent)
        configuration.warn = { message, path in
            let fields = JSON.object([("path", .string(path))]).bytes
            services.log(level: DROVER_LOG_WARN, message: message, fields: fields)
        }
        let executor = ShimExecutor(configuration)
        let interfaces: [any HostInterface] = [
            LogInterface(services: services, clock: clock), MetricsInterface(services: services),
            EventInterface(services: services, folders: folders), KeyValueInterface(identity: identity),
            ClockInterface(clock), FoldersInterface(identity: identity, folders: folders),
            ExecutorInterface(executor), ScorersInterface(services: services),
        ]
        let binding = try HostBinding(identity: identity, folders: folders, interfaces: interfaces)
        return try LocalInstance(library: library, config: config.bytes, binding: binding)
    }
}
