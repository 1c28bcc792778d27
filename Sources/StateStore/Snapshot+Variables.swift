package import Basics
package import Model

extension Snapshot {
    package func variable(_ key: VariableKey) -> VariableRecord? { state.variables[key] }

    /// Shows every variable by namespace and path, until `body` returns false.
    package func forEachVariable(_ body: (VariableRecord) throws -> Bool) rethrows {
        try state.variables.scan { _, record in try body(record) }
    }

    package func rootKey(_ id: ID) -> RootKeyMeta? { state.rootKeys[id] }

    /// In the order of their ids.
    package var rootKeys: [RootKeyMeta] {
        var all: [RootKeyMeta] = []
        state.rootKeys.scan { _, key in
            all.append(key)
            return true
        }
        return all
    }

    /// The key that everything is encrypted with now; nil before the first variable.
    package var activeRootKey: RootKeyMeta? { rootKeys.first { $0.state == .active } }
}
