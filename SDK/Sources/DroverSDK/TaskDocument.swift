/// The document of one task, as `drover/driver.h` describes it.
public struct TaskDocument: Sendable {
    /// The document as the host wrote it; hand it on to the executor unchanged.
    public let text: String
    /// The same, parsed.
    public let json: JSON
    /// Names one attempt of the task; unique, opaque.
    public let id: String

    /// - Throws: ``PluginError`` with `invalid` when it is no JSON object with an "id".
    public init(_ text: String) throws(PluginError) {
        self.text = text
        json = try JSON(parsing: text)
        id = try json.requiredText("id")
    }

    /// The task's name, for messages.
    public var name: String { json["name"]?.string ?? id }
    /// The job's config block, interpolated and checked against the manifest's schema.
    public var config: JSON { json["config"] ?? .object([:]) }
    /// The whole environment of the task.
    public var environment: [String: String] { (json["env"]?.object ?? [:]).compactMapValues(\.string) }
    /// The user the job names; "" if none.
    public var user: String { json["user"]?.string ?? "" }

    /// A folder of the task: "alloc", "task", "local" or "secrets".
    public func folder(_ name: String) -> String? { json["dirs"]?[name]?.string }
}
