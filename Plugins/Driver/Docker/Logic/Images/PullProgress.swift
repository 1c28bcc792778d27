internal import DroverSDK

/// What a pull has told so far, and when to tell users of it.
struct PullProgress {
    private var layers: [String: (current: Int64, total: Int64)] = [:]
    private var told: Int64

    /// Users hear of a pull that goes on this often.
    static let periodNanoseconds: Int64 = 10_000_000_000
    /// Layers that are counted.
    static let layersMax = 1_000

    init(now: Int64) { told = now }

    /// Takes in one line of the engine's; the text for users when it is time for one.
    mutating func step(_ line: JSON, now: Int64) -> String? {
        if let layer = line["id"]?.string, let detail = line["progressDetail"],
            let current = detail["current"]?.integer,
            line["status"]?.string == "Downloading", layers.count < Self.layersMax || layers[layer] != nil
        {
            layers[layer] = (current, detail["total"]?.integer ?? current)
        }
        guard now - told >= Self.periodNanoseconds else { return nil }
        told = now
        let current = layers.values.reduce(0) { $0 + $1.current } >> 20
        let total = layers.values.reduce(0) { $0 + $1.total } >> 20
        return "\(current) of \(total) MiB in \(layers.count) layers"
    }

    /// What the engine says when a pull fails after it began, as an error of the right kind.
    static func failure(_ what: String, _ message: String) -> PluginError {
        let lower = message.lowercased()
        let isAbsent = lower.contains("not found") || lower.contains("manifest unknown")
        let isDenied = lower.contains("unauthorized") || lower.contains("denied")
        return PluginError(isDenied ? .denied : isAbsent ? .notFound : .retry, "\(what): \(message)")
    }
}
