/// A filter expression that cannot be read, or cannot be applied to the objects at hand.
package struct FilterError: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String
    /// One-based column of the offending character; nil when the fault is in the object, not in the text.
    package let column: Int?

    package init(message: String, column: Int? = nil) {
        self.message = message
        self.column = column
    }

    package var description: String {
        guard let column else { return message }
        return "column \(column): \(message)"
    }
}
