/// A scheduler's answer that cannot be used; the stock scheduler is to be asked in its place.
package struct PlacementFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, for the operator: which record or instance, and why.
    package let description: String

    init(_ description: String) { self.description = description }
}
