import Basics
package import Model
import StateStore

/// What a constraint's side names: an attribute of the node, or the text itself.
package enum NodeTarget: Equatable, Hashable, Sendable {
    case literal(String)
    case attribute(String)
    case meta(String)
    case datacenter
    case nodeClass
    case nodePool
    case region
    case uniqueID
    case uniqueName
    /// A label of other jobs' allocations on the node: see ``NeighbourLabels``.
    case neighbourMeta(String)
    /// A form no node has a value for, such as `${env.X}`.
    case unknown(String)

    /// Reads `${attr.kernel.name}`, `${meta.rack}`, `${node.class}` and the like; all else is literal text.
    package init(_ text: String) {
        guard text.hasPrefix("${"), text.hasSuffix("}") else {
            self = .literal(text)
            return
        }
        let name = String(text.dropFirst(2).dropLast())
        switch name {
        case "node.datacenter": self = .datacenter
        case "node.class": self = .nodeClass
        case "node.pool": self = .nodePool
        case "node.region": self = .region
        case "node.unique.id": self = .uniqueID
        case "node.unique.name": self = .uniqueName
        default: self = Self.prefixed(name)
        }
    }

    private static func prefixed(_ name: String) -> NodeTarget {
        if name.hasPrefix("attr.") { return .attribute(String(name.dropFirst(5))) }
        if name.hasPrefix("alloc.meta.") { return .neighbourMeta(String(name.dropFirst(11))) }
        if name.hasPrefix("meta.") { return .meta(String(name.dropFirst(5))) }
        return .unknown(name)
    }

    /// Nodes of one computed class may differ in it, so it has to be looked at node by node.
    package var isEscaped: Bool {
        switch self {
        case .attribute(let key), .meta(let key): key.hasPrefix("unique.")
        case .uniqueID, .uniqueName, .neighbourMeta: true
        case .literal, .datacenter, .nodeClass, .nodePool, .region, .unknown: false
        }
    }

    /// What nodes of one computed class may differ in, nil for all else and for neighbours' labels.
    var trait: NodeTrait? {
        switch self {
        case .attribute(let key) where isEscaped: .attribute(key)
        case .meta(let key) where isEscaped: .meta(key)
        case .uniqueName: .name
        default: nil
        }
    }

    /// The node's value, or nil when it has none. What runs on a node is not the node's: its labels have no value here.
    package func value(of node: Node) -> String? {
        switch self {
        case .literal(let text): text
        case .attribute(let key): node.attributes[key]
        case .meta(let key): node.meta[key]
        case .datacenter: node.datacenter
        case .nodeClass: node.nodeClass
        case .nodePool: node.nodePool
        case .region: node.attributes["nomad.region"]
        case .uniqueID: node.id.description
        case .uniqueName: node.name
        case .neighbourMeta, .unknown: nil
        }
    }
}
