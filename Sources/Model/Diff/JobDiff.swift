public import Basics

/// The difference of two versions of a job, as the API's JobDiff object (SURFACE §7; Nomad docs: job plan).
///
/// Groups and tasks are compared by their names, lists of objects by the objects' names or, where they have none, as
/// sets; what has not changed is left out, but for the fields beside a change within an object.
public enum JobDiff {
    /// Fields the servers keep, and those that say nothing of what runs.
    private static let ignored: Set<String> = [
        "ID", "Status", "StatusDescription", "Version", "Stable", "CreateIndex", "ModifyIndex", "JobModifyIndex",
        "Update",
        "SubmitTime", "VersionTag", "TaskGroups",
    ]

    /// What `new` changes of `old`.
    ///
    /// `old` is nil for a job that is not there yet. `updates` holds a DesiredUpdates object for each group, with which
    /// the difference tells what becomes of allocations; null leaves that out.
    public static func json(old: Job?, new: Job, updates: JSON = .null) -> JSON {
        let (before, after) = (old?.json.object, new.json.object)
        let parts = ObjectComparison(before, after, ignoring: ignored)
        let groups = pairs(before?["TaskGroups"], after?["TaskGroups"]).map { name, old, new in
            group(name, old, new, updates: updates[name]?.object)
        }
        let isEdited = parts.isChanged || groups.contains { $0["Type"]?.string != ChangeKind.none.rawValue }
        let kind: ChangeKind = old == nil ? .added : isEdited ? .edited : .none
        return .object([
            ("Type", .string(kind.rawValue)), ("ID", .string(new.id)), ("Fields", parts.fieldsJSON),
            ("Objects", parts.objectsJSON), ("TaskGroups", .array(groups)),
        ])
    }

    private static func group(
        _ name: String, _ old: JSONObject?, _ new: JSONObject?, updates: JSONObject?
    ) -> JSON {
        var parts = ObjectComparison(old, new, ignoring: ["Name", "Tasks"])
        let whole = ChangeKind(old: old, new: new)
        let tasks = pairs(old?["Tasks"], new?["Tasks"]).map { name, old, new in task(name, old, new, in: whole) }
        let isEdited = parts.isChanged || tasks.contains { $0["Type"]?.string != ChangeKind.none.rawValue }
        if updates != nil { parts.annotate("Count", with: countAnnotation(old, new)) }
        return .object([
            ("Type", .string((whole ?? (isEdited ? .edited : .none)).rawValue)), ("Name", .string(name)),
            ("Fields", parts.fieldsJSON), ("Objects", parts.objectsJSON), ("Tasks", .array(tasks)),
            ("Updates", counts(updates)),
        ])
    }

    private static func countAnnotation(_ old: JSONObject?, _ new: JSONObject?) -> String {
        (new?["Count"]?.integer ?? 0) > (old?["Count"]?.integer ?? 0) ? "forces create" : "forces destroy"
    }

    /// What a group's update comes to, under the words the command line shows.
    private static func counts(_ updates: JSONObject?) -> JSON {
        let words = [
            ("Ignore", "ignore"), ("Place", "create"), ("Migrate", "migrate"), ("Stop", "destroy"),
            ("InPlaceUpdate", "in-place update"), ("DestructiveUpdate", "create/destroy update"), ("Canary", "canary"),
            ("Preemptions", "preemptions"),
        ]
        guard let updates else { return .null }
        return .object(
            words.compactMap { field, word in
                updates[field]?.integer.flatMap { $0 > 0 ? (word, .integer($0)) : nil }
            })
    }

    private static func task(_ name: String, _ old: JSONObject?, _ new: JSONObject?, in group: ChangeKind?) -> JSON {
        let parts = ObjectComparison(old, new, ignoring: ["Name"])
        let kind = ChangeKind(old: old, new: new) ?? (parts.isChanged ? .edited : .none)
        let annotation: String? =
            switch kind {
            case .added: "forces create"
            case .deleted: "forces destroy"
            case .edited: parts.needsRestart ? "forces create/destroy update" : "forces in-place update"
            case .none: nil
            }
        return .object([
            ("Type", .string(kind.rawValue)), ("Name", .string(name)), ("Fields", parts.fieldsJSON),
            ("Objects", parts.objectsJSON), ("Annotations", annotation.map { .array([.string($0)]) } ?? .null),
        ])
    }

    /// The objects of two lists by name, in order of the names.
    private static func pairs(_ old: JSON?, _ new: JSON?) -> [(name: String, old: JSONObject?, new: JSONObject?)] {
        func byName(_ list: JSON?) -> [String: JSONObject] {
            var found: [String: JSONObject] = [:]
            for item in list?.array ?? [] {
                if let object = item.object { found[object["Name"]?.string ?? ""] = object }
            }
            return found
        }
        let (before, after) = (byName(old), byName(new))
        return Set(before.keys).union(after.keys).sorted().map { ($0, before[$0], after[$0]) }
    }
}

/// How a thing differs, in the API's words.
enum ChangeKind: String, Sendable {
    case none = "None"
    case added = "Added"
    case deleted = "Deleted"
    case edited = "Edited"

    /// Added or deleted as a whole; nil when both or neither are there.
    init?(old: JSONObject?, new: JSONObject?) {
        switch (old, new) {
        case (nil, .some): self = .added
        case (.some, nil): self = .deleted
        default: return nil
        }
    }
}
