extension Body {
    /// One step from a JSON value into it.
    package enum JSONStep: Equatable, Sendable {
        case key(String)
        case index(Int)
    }

    /// The key at `path` in a JSON text that ``Parser/parseJSON(_:limits:)`` read, or as near to it as the text goes; nil when
    /// not even the first step is there. Of members with one key the last counts.
    package func jsonPlace(of path: [JSONStep]) -> SourceRange? {
        guard case .key(let key) = path.first, let outer = attributes.last(where: { $0.name == key }) else {
            return nil
        }
        var place = outer.nameRange
        var value = outer.expression
        for step in path.dropFirst() {
            switch (step, value.kind) {
            case (.index(let index), .list(let items)) where items.indices.contains(index):
                value = items[index]
                place = value.range.startPoint
            case (.key(let key), .object(let members)):
                let member = members.last { member in
                    if case .literal(.string(key)) = member.key.kind { true } else { false }
                }
                guard let member else { return place }
                place = member.key.range
                value = member.value
            default: return place
            }
        }
        return place
    }
}
