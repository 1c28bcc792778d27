/// Why a folder is not changed, and what to do.
package struct RecoveryError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
