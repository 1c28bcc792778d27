internal import Basics

/// A JSON object that a plug-in answered, read by what its interface allows: each breach is ``PluginError/Code/garbage`` and names
/// the member. A member that is absent or null says nothing.
struct AnswerObject {
    /// Whole numbers up to here are exact in every reader of JSON, and leave room to add some up.
    static let countMax: Int64 = (1 << 53) - 1

    let json: JSON
    private let operation: String
    private let plugin: String

    private init(_ json: JSON, like other: AnswerObject) {
        self.json = json
        operation = other.operation
        plugin = other.plugin
    }

    init(_ answer: [UInt8], _ operation: String, plugin: String) throws(PluginError) {
        json = try DriverAnswers.object(answer, operation, plugin: plugin)
        self.operation = operation
        self.plugin = plugin
    }

    func object(_ key: String) throws(PluginError) -> AnswerObject? {
        guard let value = member(key) else { return nil }
        guard value.object != nil else { throw wrong(key, value.kindName, "an object") }
        return AnswerObject(value, like: self)
    }

    /// An object of texts; numbers and booleans in it are taken as text.
    func texts(_ key: String) throws(PluginError) -> [String: String] {
        DriverAnswers.texts(try object(key)?.json)
    }

    /// An array of objects; empty when absent.
    func objects(_ key: String) throws(PluginError) -> [AnswerObject] {
        guard let value = member(key) else { return [] }
        guard let items = value.array else { throw wrong(key, value.kindName, "an array") }
        var objects: [AnswerObject] = []
        for item in items {
            guard item.object != nil else {
                throw garbage("\"\(key)\" has an item that is \(item.kindName), not an object")
            }
            objects.append(AnswerObject(item, like: self))
        }
        return objects
    }

    func text(_ key: String) throws(PluginError) -> String? {
        guard let value = member(key) else { return nil }
        guard let text = value.string else { throw wrong(key, value.kindName, "a string") }
        return text
    }

    func flag(_ key: String) throws(PluginError) -> Bool? {
        guard let value = member(key) else { return nil }
        guard let flag = value.bool else { throw wrong(key, value.kindName, "a boolean") }
        return flag
    }

    func requiredText(_ key: String) throws(PluginError) -> String {
        guard let text = try text(key) else { throw garbage("\"\(key)\" is missing") }
        return text
    }

    /// A whole number from 0 to ``countMax``.
    func count(_ key: String) throws(PluginError) -> Int64? {
        guard let value = member(key) else { return nil }
        guard let count = value.integer, (0...AnswerObject.countMax).contains(count) else {
            let found = value.double == nil ? value.kindName : value.text
            throw wrong(key, found, "a whole number from 0 to \(AnswerObject.countMax)")
        }
        return count
    }

    private func member(_ key: String) -> JSON? { json[key].flatMap { $0.isNull ? nil : $0 } }

    private func wrong(_ key: String, _ found: String, _ expected: String) -> PluginError {
        garbage("\"\(key)\" is \(found), not \(expected)")
    }

    private func garbage(_ reason: String) -> PluginError { DriverAnswers.garbage(plugin, operation, reason) }
}
