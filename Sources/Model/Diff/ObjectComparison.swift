internal import Basics

/// Two versions of one object, field by field and part by part.
struct ObjectComparison {
    /// A FieldDiff.
    struct Field {
        var kind: ChangeKind
        var name: String
        var old: String
        var new: String
        var annotations: [String] = []
    }

    private(set) var fields: [Field] = []
    /// ObjectDiffs that differ.
    private(set) var objects: [JSON] = []

    /// Fields of text by key, shown as `Name[key]`.
    private static let maps: Set<String> = [
        "Meta", "Env", "Links", "CanaryMeta", "GetterOptions", "GetterHeaders", "Attributes",
    ]
    /// Free-form parts, shown as one level of paths.
    private static let free: Set<String> = ["Config"]
    /// What the pieces of a list are called, where that is not the list's name without its last letter.
    private static let singulars = [
        "Affinities": "Affinity", "ReservedPorts": "Static Port", "DynamicPorts": "Dynamic Port",
        "ScalingPolicies": "ScalingPolicy", "Identities": "Identity",
    ]
    /// Parts of a task that change without a restart (Nomad docs: job plan).
    private static let changesInPlace: Set<String> = [
        "KillTimeout", "Service", "Constraint", "Affinity", "LogConfig", "ScalingPolicy",
    ]

    /// With `keepsUnchanged`, fields that are equal are listed too.
    init(_ old: JSONObject?, _ new: JSONObject?, ignoring ignored: Set<String> = [], keepsUnchanged: Bool = false) {
        var names = (new ?? old)?.keys ?? []
        if let old, new != nil { names += old.keys.filter { new?[$0] == nil } }
        for name in names where !ignored.contains(name) { compare(name, old?[name] ?? .null, new?[name] ?? .null) }
        fields = fields.filter { keepsUnchanged || $0.kind != .none }.sorted { $0.name < $1.name }
    }

    var isChanged: Bool { !objects.isEmpty || fields.contains { $0.kind != .none } }

    /// Something changed that a running task cannot take on.
    var needsRestart: Bool {
        let names = fields.filter { $0.kind != .none }.map(\.name) + objects.compactMap { $0["Name"]?.string }
        return names.contains { !ObjectComparison.changesInPlace.contains($0) }
    }

    mutating func annotate(_ name: String, with text: String) {
        for index in fields.indices where fields[index].name == name { fields[index].annotations.append(text) }
    }

    var fieldsJSON: JSON {
        .array(
            fields.map { field in
                .object([
                    ("Type", .string(field.kind.rawValue)), ("Name", .string(field.name)), ("Old", .string(field.old)),
                    ("New", .string(field.new)),
                    ("Annotations", field.annotations.isEmpty ? .null : .array(field.annotations.map { .string($0) })),
                ])
            })
    }

    var objectsJSON: JSON { .array(objects) }

    private mutating func compare(_ name: String, _ old: JSON, _ new: JSON) {
        switch (old, new) {
        case (.array, _), (_, .array): compare(lists: name, old.array ?? [], new.array ?? [])
        case (.object, _), (_, .object):
            if ObjectComparison.maps.contains(name) {
                for key in keys(old, new) { add("\(name)[\(key)]", text(old[key]), text(new[key])) }
            } else if ObjectComparison.free.contains(name) {
                add(part: name, flattened(old), flattened(new))
            } else {
                add(part: name, old.object, new.object)
            }
        default: add(name, text(old), text(new))
        }
    }

    /// Lists of objects piece by piece; of text and numbers as sets under the list's name.
    private mutating func compare(lists name: String, _ old: [JSON], _ new: [JSON]) {
        guard (old + new).contains(where: { $0.object != nil }) else {
            return compare(sets: name, old.map(text), new.map(text))
        }
        let single = ObjectComparison.singulars[name] ?? (name.hasSuffix("s") ? String(name.dropLast()) : name)
        var rest = old
        for piece in new {
            if let same = rest.firstIndex(of: piece) {
                rest.remove(at: same)
                continue
            }
            let name = ObjectComparison.identity(piece)
            let partner =
                name == nil ? nil : rest.firstIndex { ObjectComparison.identity($0) == name && !new.contains($0) }
            let before = partner.map { rest.remove(at: $0) }
            add(part: single, before?.object, piece.object)
        }
        for piece in rest { add(part: single, piece.object, nil) }
    }

    private mutating func compare(sets name: String, _ old: [String], _ new: [String]) {
        let (before, after) = (Set(old), Set(new))
        guard before != after else { return }
        let gone = before.subtracting(after).sorted().map { Field(kind: .deleted, name: name, old: $0, new: "") }
        let come = after.subtracting(before).sorted().map { Field(kind: .added, name: name, old: "", new: $0) }
        var parts = ObjectComparison(nil, nil)
        parts.fields = come + gone
        let kind: ChangeKind = before.isEmpty ? .added : after.isEmpty ? .deleted : .edited
        objects.append(parts.part(name, kind))
    }

    private mutating func add(_ name: String, _ old: String, _ new: String) {
        let kind: ChangeKind = old == new ? .none : old.isEmpty ? .added : new.isEmpty ? .deleted : .edited
        fields.append(Field(kind: kind, name: name, old: old, new: new))
    }

    private mutating func add(part name: String, _ old: JSONObject?, _ new: JSONObject?) {
        guard old != new else { return }
        let parts = ObjectComparison(old, new, keepsUnchanged: old != nil && new != nil)
        guard parts.isChanged else { return }
        objects.append(parts.part(name, ChangeKind(old: old, new: new) ?? .edited))
    }

    private func part(_ name: String, _ kind: ChangeKind) -> JSON {
        .object([
            ("Type", .string(kind.rawValue)), ("Name", .string(name)), ("Fields", fieldsJSON), ("Objects", objectsJSON),
        ])
    }

    /// What tells pieces of one list apart.
    private static func identity(_ piece: JSON) -> String? {
        for key in ["Name", "Label", "DestPath", "Volume", "Mode"] {
            if let text = piece[key]?.string, !text.isEmpty { return text }
        }
        return nil
    }

    private func keys(_ old: JSON, _ new: JSON) -> [String] {
        Set(old.object?.keys ?? []).union(new.object?.keys ?? []).sorted()
    }

    private func text(_ value: JSON?) -> String {
        switch value ?? .null {
        case .null: ""
        case .string(let text): text
        default: value?.text ?? ""
        }
    }

    /// `args[0]`, `mount.type` and the like to their text; nil for null.
    private func flattened(_ value: JSON) -> JSONObject? {
        guard case .object = value else { return nil }
        var out = JSONObject()
        flatten(value, path: "", into: &out)
        return out
    }

    private func flatten(_ value: JSON, path: String, into out: inout JSONObject) {
        switch value {
        case .object(let object):
            for (key, member) in object.members {
                flatten(member, path: path.isEmpty ? key : "\(path).\(key)", into: &out)
            }
        case .array(let items):
            for (position, item) in items.enumerated() { flatten(item, path: "\(path)[\(position)]", into: &out) }
        default: out.append(path, .string(text(value)))
        }
    }
}
