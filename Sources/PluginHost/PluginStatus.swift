public import Basics

/// One library as `plugin status` shows it.
public struct PluginStatus: Document {
    public var name = ""
    /// Absolute path of the library.
    public var file = ""
    /// "driver", "scheduler", "scorer", "fingerprint" or "device"; several joined by ",".
    public var kind = ""
    public var version = ""
    /// ABI version, and while it is a draft the hash of its headers: `0-cdc0683d30ed2c91`.
    public var abi = ""
    /// "process" or "agent".
    public var isolation = ""
    /// "loading", "running", "restarting", "quarantined", "disabled" or "stopped".
    public var state = ""
    /// Of the plug-in's own process; 0 when it runs in the agent or not at all.
    public var pid: Int32 = 0
    public var restarts = 0
    /// Why it is not running, or why it was last restarted.
    public var reason = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("File", &file)
        try visitor.field("Kind", &kind)
        try visitor.field("Version", &version)
        try visitor.field("ABI", &abi)
        try visitor.field("Isolation", &isolation)
        try visitor.field("State", &state)
        try visitor.field("PID", &pid)
        try visitor.field("Restarts", &restarts)
        try visitor.field("Reason", &reason)
    }
}
