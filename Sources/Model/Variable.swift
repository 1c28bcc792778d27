public import Basics

/// A small set of secrets or settings at a path, such as `nomad/jobs/web`; encrypted wherever it is stored.
public struct Variable: Document {
    public var namespace = ""
    public var path = ""
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0
    public var createTime = Timestamp.never
    public var modifyTime = Timestamp.never
    public var items: [String: String] = [:]
    public var lock: VariableLock?

    public init() {}

    /// A variable of which `metadata` tells all but the items.
    public init(_ metadata: VariableMetadata, items: [String: String]) {
        namespace = metadata.namespace
        path = metadata.path
        createIndex = metadata.createIndex
        modifyIndex = metadata.modifyIndex
        createTime = metadata.createTime
        modifyTime = metadata.modifyTime
        lock = metadata.lock
        self.items = items
    }

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Namespace", &namespace)
        try visitor.field("Path", &path)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("CreateTime", &createTime)
        try visitor.field("ModifyTime", &modifyTime)
        try visitor.field("Items", &items)
        try visitor.field("Lock", &lock)
    }
}

/// All of a variable but what it holds: what lists show, and what is stored in the clear.
public struct VariableMetadata: Document {
    public var namespace = ""
    public var path = ""
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0
    public var createTime = Timestamp.never
    public var modifyTime = Timestamp.never
    public var lock: VariableLock?

    public init() {}

    /// All of `variable` but its items.
    public init(_ variable: Variable) {
        namespace = variable.namespace
        path = variable.path
        createIndex = variable.createIndex
        modifyIndex = variable.modifyIndex
        createTime = variable.createTime
        modifyTime = variable.modifyTime
        lock = variable.lock
    }

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Namespace", &namespace)
        try visitor.field("Path", &path)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("CreateTime", &createTime)
        try visitor.field("ModifyTime", &modifyTime)
        try visitor.field("Lock", &lock)
    }
}

/// A lock on a variable: while it is held, only who names its id may change the variable.
public struct VariableLock: Document {
    /// Drawn by the server when the lock is acquired; whoever knows it is the holder.
    public var id = ID.none
    /// How long it is held without being renewed, from 10 s to 24 h; asked for with 0 it is 15 s.
    public var ttl = DurationText(.zero)
    /// After it ran out: how long nobody can acquire it, so that its holder has time to notice; up to 24 h, asked for with 0 15 s.
    public var lockDelay = DurationText(.zero)

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("TTL", &ttl)
        try visitor.field("LockDelay", &lockDelay)
    }
}

/// A ``Duration`` written as Go writes it, such as `1m30s`; read from nanoseconds too. Empty text is zero, as Go's clients send.
public struct DurationText: JSONForm, Equatable {
    public var duration: Duration

    public init(_ duration: Duration) { self.duration = duration }

    public func write(to writer: inout JSONWriter) { writer.string(duration.goText) }

    public static func read(_ json: JSON) throws(DocumentError) -> DurationText {
        json.string == "" ? DurationText(.zero) : DurationText(try Duration.read(json))
    }
}

// MARK: - Rules

extension Variable {
    /// Bytes of all keys and values; 64 KiB (Nomad docs: variables).
    public static let itemsBytesMax = 65_536

    private static let pathBytesMax = 128

    /// What is wrong with it, in words; empty when nothing is. Only a variable that is about to be locked may be without items.
    public func problems(mayBeEmpty: Bool = false) -> [String] {
        var problems = Variable.problems(ofPath: path)
        if items.isEmpty, !mayBeEmpty { problems.append("a variable without items is invalid; delete it instead") }
        if items.keys.contains("") { problems.append("an item of variable \"\(path)\" has an empty key") }
        let bytes = items.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        if bytes > Variable.itemsBytesMax {
            problems.append(
                "variable \"\(path)\" has \(bytes) bytes of keys and values; variables are limited to 64 KiB")
        }
        return problems
    }

    /// Nomad docs, variables: letters, digits and `-_~/`, 128 bytes at most; below `nomad` only what tasks read by themselves.
    public static func problems(ofPath path: String) -> [String] {
        guard !path.isEmpty else { return ["a variable needs a path"] }
        let isLegal = path.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-_~/".utf8.contains(byte)
        }
        guard isLegal, path.utf8.count <= pathBytesMax else {
            return ["invalid path \"\(path)\": use 1 to \(pathBytesMax) letters, digits and the characters - _ ~ /"]
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts[0] == "nomad", parts.count == 1 || !["jobs", "job-templates"].contains(parts[1]) else { return [] }
        return ["\"\(path)\" is a reserved path: below nomad there are only nomad/jobs and nomad/job-templates"]
    }
}

extension VariableLock {
    /// With the defaults for what is 0.
    public func canonical() -> VariableLock {
        var lock = self
        if lock.ttl.duration == .zero { lock.ttl = DurationText(.seconds(15)) }
        if lock.lockDelay.duration == .zero { lock.lockDelay = DurationText(.seconds(15)) }
        return lock
    }

    public func problems() -> [String] {
        var problems: [String] = []
        if !(Duration.seconds(10)...Duration.seconds(86_400)).contains(ttl.duration) {
            problems.append("invalid lock TTL \(ttl.duration.goText): it must be 10s to 24h")
        }
        if !(Duration.zero...Duration.seconds(86_400)).contains(lockDelay.duration) {
            problems.append("invalid lock delay \(lockDelay.duration.goText): it must be 0s to 24h")
        }
        return problems
    }
}
