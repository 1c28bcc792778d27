internal import Basics
internal import StateStore

/// The whole state as lines of text, for telling where two states differ.
enum StateDigest {
    static func lines(_ snapshot: Snapshot) -> [String] {
        var lines = ["configuration \(text(snapshot.schedulerConfiguration))"]
        lines.append("identity \(snapshot.clusterIdentity?.id.description ?? "none")")
        snapshot.forEachJob { record in
            for version in record.versions { lines.append("job \(record.key.id) \(text(record.present(version)))") }
            lines.append("summary \(record.key.id) \(text(record.summary))")
            for row in snapshot.allocations(ofJob: record.key.id, namespace: record.key.namespace) {
                lines.append("allocation \(text(snapshot.allocation(row, withJob: false)))")
            }
            return true
        }
        snapshot.forEachNode { record in
            lines.append("node \(record.row) \(text(record.node))")
            lines.append("used \(record.row) \(snapshot.nodeUsage(record.row)) \(snapshot.usedPorts(record.row))")
            return true
        }
        snapshot.forEachEvaluation { evaluation in
            lines.append("evaluation \(text(evaluation))")
            return true
        }
        for key in snapshot.rootKeys { lines.append("root key \(text(key))") }
        snapshot.forEachVariable { record in
            lines.append("variable \(text(record.metadata)) \(record.sealed.keyID) \(record.sealed.bytes)")
            return true
        }
        return lines
    }

    private static func text(_ document: some Document) -> String {
        String(decoding: document.jsonBytes, as: UTF8.self)
    }

    /// The first difference, or nil when both say the same.
    static func difference(_ left: [String], _ right: [String]) -> String? {
        guard left != right else { return nil }
        for (left, right) in zip(left, right) where left != right { return "\"\(left)\" is now \"\(right)\"" }
        return left.count > right.count ? "gone: \"\(left[right.count])\"" : "new: \"\(right[left.count])\""
    }
}
