import Basics
import Model

/// The schemas of task configuration that nodes report: each once a driver, however many nodes have it, and forgotten with the
/// last of them.
///
/// They are few - one for each version of each driver - so a change after a snapshot copies them.
struct DriverSchemas: Sendable {
    private struct Entry: Sendable {
        /// Nil when no node that names it has told it, or the driver has none.
        var schema: JSON?
        var nodeCount = 0
        /// Of those nodes, the ready ones that detect the driver.
        var readyCount = 0
    }

    /// By driver, then by the schema's name.
    private var entries: [String: [String: Entry]] = [:]

    /// The schemas by which jobs for `driver` may be checked, those of most ready nodes first; nil stands for nodes whose
    /// driver accepts what none of them tells.
    func ready(_ driver: String) -> [JSON?] {
        guard let known = entries[driver] else { return [] }
        if known.count == 1, let only = known.values.first { return only.readyCount > 0 ? [only.schema] : [] }
        return known.filter { $0.value.readyCount > 0 }
            .sorted { ($1.value.readyCount, $0.key) < ($0.value.readyCount, $1.key) }.map(\.value.schema)
    }

    /// Counts what follows from a node's new definition; `old` is nil for a new node, `new` for one that goes.
    mutating func count(from old: Node?, to new: Node?) {
        if let old, let new, old.status == new.status, DriverSchemas.claims(of: old) == DriverSchemas.claims(of: new) {
            return
        }
        for (node, sign) in [(new, 1), (old, -1)] {
            guard let node else { continue }
            for claim in DriverSchemas.claims(of: node) {
                entries[claim.driver, default: [:]][claim.schema, default: Entry()].nodeCount += sign
                if claim.isDetected, node.status == .ready {
                    entries[claim.driver, default: [:]][claim.schema, default: Entry()].readyCount += sign
                }
                if sign < 0 { dropIfUnused(claim) }
            }
        }
    }

    /// Takes schemas a node has told, as far as counted nodes name them.
    mutating func learn(_ schemas: [String: JSON], of node: Node) {
        for claim in DriverSchemas.claims(of: node) {
            guard let schema = schemas[claim.schema], entries[claim.driver]?[claim.schema]?.schema == nil else {
                continue
            }
            entries[claim.driver]?[claim.schema]?.schema = schema
        }
    }

    /// Those that are told, in order of driver and name: what a snapshot keeps.
    var told: [(driver: String, name: String, schema: JSON)] {
        entries.sorted { $0.key < $1.key }.flatMap { driver, known in
            known.sorted { $0.key < $1.key }.compactMap { name, entry in entry.schema.map { (driver, name, $0) } }
        }
    }

    /// Restores one; the nodes are counted already.
    mutating func restore(driver: String, name: String, schema: JSON) {
        entries[driver]?[name]?.schema = schema
    }

    private mutating func dropIfUnused(_ claim: Claim) {
        guard entries[claim.driver]?[claim.schema]?.nodeCount == 0 else { return }
        entries[claim.driver]?[claim.schema] = nil
        if entries[claim.driver]?.isEmpty == true { entries[claim.driver] = nil }
    }

    /// What a node says of a driver.
    private struct Claim: Equatable {
        let driver: String
        let schema: String
        let isDetected: Bool
    }

    private static func claims(of node: Node) -> [Claim] {
        node.drivers.sorted { $0.key < $1.key }.map {
            Claim(driver: $0.key, schema: $0.value.configSchema, isDetected: $0.value.detected)
        }
    }
}
