internal import CDroverABI

/// A call on a plug-in that failed: a code to act on and a text for people, which names plug-in and operation.
package struct PluginError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The ABI's codes (types.h), and those the host adds.
    package enum Code: Int32, Sendable {
        case invalid = -1
        case notFound = -2
        case exists = -3
        case unsupported = -4
        /// Failed for a passing reason; the same call may succeed later or elsewhere.
        case retry = -5
        case cancelled = -6
        case deadline = -7
        case revoked = -8
        case limit = -9
        case denied = -10
        case io = -11
        /// A defect in the plug-in.
        case `internal` = -12
        case state = -13
        case abi = -14
        /// The plug-in's process ended while it had the call; whether the call took effect is unknown.
        case crashed = -100
        /// No instance is running: restarting, quarantined, disabled or stopped.
        case unavailable = -101
        /// The answer breaks the ABI's rules.
        case garbage = -102
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The error for an ABI code other than 0: negative ones not listed are internal errors, positive ones break the protocol.
    package init(abiCode: Int32, message: String) {
        let code: Code =
            abiCode > 0 ? .garbage : abiCode < DROVER_E_ABI ? .internal : Code(rawValue: abiCode) ?? .internal
        self.init(code, message.isEmpty ? "failed with code \(abiCode) and no message" : message)
    }

    /// The code that crosses the ABI; what only the host knows becomes an internal error.
    package var abiCode: Int32 { code.rawValue >= DROVER_E_ABI ? code.rawValue : DROVER_E_INTERNAL }

    /// The same error with what was being done in front of its text.
    package func during(_ what: String) -> PluginError { PluginError(code, "\(what): \(message)") }

    package var description: String { message }
}
