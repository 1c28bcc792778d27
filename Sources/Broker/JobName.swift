/// A job's name in its namespace.
package struct JobName: Hashable, Sendable {
    let namespace: String
    let id: String

    package init(namespace: String, id: String) {
        self.namespace = namespace
        self.id = id
    }
}
