/// Keys of a JSON value that the type it is read as does not have.
///
/// Reading ignores them, so that versions understand each other; who writes by hand wants to be told. Found by a walk over the
/// parsed value, case folded as in reading; only keys that are unknown cost more than a comparison.
public struct UnknownKeys: Equatable, Sendable {
    /// One step from a value into it.
    public enum Step: Equatable, Sendable {
        case key(String)
        case index(Int)
    }

    /// A place in a JSON value, the outermost step first.
    public struct Path: Equatable, Sendable, CustomStringConvertible {
        public let steps: [Step]

        /// Such as `TaskGroups[0].Tasks[1].Drivr`.
        public var description: String {
            steps.reduce(into: "") { text, step in
                switch step {
                case .key(let key): text += text.isEmpty ? key : "." + key
                case .index(let index): text += "[\(index)]"
                }
            }
        }
    }

    /// Paths kept; further ones are counted.
    public static let pathsMax = 20

    /// Those of an object after those of its members.
    public private(set) var paths: [Path] = []
    public private(set) var count = 0
    private var steps: [Step] = []

    public init() {}

    /// Those of `json` as it would be read as a `Kind`.
    public init<Kind: JSONForm>(in json: JSON, readAs kind: Kind.Type) {
        kind.findUnknownKeys(in: json, &self)
    }

    mutating func add(_ key: String) {
        count += 1
        if paths.count < UnknownKeys.pathsMax { paths.append(Path(steps: steps + [.key(key)])) }
    }

    /// Looks at a value one step further in.
    public mutating func inside<Kind: JSONForm>(_ step: Step, _ json: JSON, readAs kind: Kind.Type) {
        steps.append(step)
        kind.findUnknownKeys(in: json, &self)
        steps.removeLast()
    }

    /// Checks the keys of an object that is read by hand: those it may have are `names`.
    public mutating func check(_ object: JSONObject, against names: [String]) {
        for member in object.members where !names.contains(where: { JSONObject.equalFoldingCase($0, member.key) }) {
            add(member.key)
        }
    }
}

extension JSONForm {
    public static func findUnknownKeys(in json: JSON, _ found: inout UnknownKeys) {}
}

extension Document {
    public static var ignoredFieldNames: [String] { [] }

    public static func findUnknownKeys(in json: JSON, _ found: inout UnknownKeys) {
        guard case .object(let object) = json, !object.isEmpty else { return }
        var finder = FieldFinder(object: object, found: UnknownKeys())
        swap(&finder.found, &found)
        var empty = Self()
        empty.findFields(with: &finder)
        swap(&finder.found, &found)
        guard finder.knownCount < object.members.count else { return }
        // Rare: a key that is unknown, or stands there twice.
        found.check(object, against: fieldNames + ignoredFieldNames)
    }
}

/// Counts the members that are fields, and looks for unknown keys in their values.
public struct FieldFinder: FieldVisitor {
    private let object: JSONObject
    @usableFromInline let lengths: KeyLengths
    var found: UnknownKeys
    private(set) var knownCount = 0
    private var cursor = 0

    init(object: JSONObject, found: UnknownKeys) {
        self.object = object
        self.found = found
        lengths = KeyLengths(object)
    }

    @inlinable
    public mutating func field<Value: JSONForm>(_ name: StaticString, _ value: inout Value) {
        guard lengths.mayContain(name), let position = position(of: name), mayHoldKeys(position) else { return }
        look(into: position, as: Value.self)
    }

    /// Where the member of that name stands. Members mostly come in the order of the fields.
    @usableFromInline
    mutating func position(of name: StaticString) -> Int? {
        guard knownCount < object.members.count, let position = object.position(of: name, near: cursor) else {
            return nil
        }
        knownCount += 1
        cursor = position + 1
        return position
    }

    /// Values without keys of their own are not worth a step.
    @usableFromInline
    func mayHoldKeys(_ position: Int) -> Bool {
        switch object.members[position].value {
        case .object, .array: true
        default: false
        }
    }

    @usableFromInline
    mutating func look<Value: JSONForm>(into position: Int, as kind: Value.Type) {
        let member = object.members[position]
        found.inside(.key(member.key), member.value, readAs: kind)
    }
}
