import Model

/// Something of a node that its computed class does not tell, so that jobs ask each node for it.
package enum NodeTrait: Hashable, Sendable {
    /// An attribute under `unique.`.
    case attribute(String)
    /// A key of meta under `unique.`.
    case meta(String)
    case name
    /// How much it has, which devices are healthy, which networks there are.
    case resources

    /// In which traits a node of the same class differs from what it was; of its resources only when there are more.
    static func changed(from old: Node, to new: Node) -> Set<NodeTrait> {
        var traits: Set<NodeTrait> = []
        if old.name != new.name { traits.insert(.name) }
        for key in changedKeys(old.attributes, new.attributes) { traits.insert(.attribute(key)) }
        for key in changedKeys(old.meta, new.meta) { traits.insert(.meta(key)) }
        if new.nodeResources.offersMore(than: old.nodeResources) { traits.insert(.resources) }
        return traits
    }

    private static func changedKeys(_ old: [String: String], _ new: [String: String]) -> Set<String> {
        guard old != new else { return [] }
        return Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }
    }
}
