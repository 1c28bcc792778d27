/// Names one server of a Raft group for as long as its data folder lives; never reused.
package struct ServerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Any text of at most 255 UTF-8 bytes; agents use a UUID.
    package let name: String

    package init(_ name: String) { self.name = name }

    package static func < (left: ServerID, right: ServerID) -> Bool { left.name < right.name }

    package var description: String { name }
}
