internal import CDroverABI

/// What a plug-in throws, and what host calls throw: a code of the ABI and a message for the operator.
///
/// The SDK's barrier turns it into the code and the message of the C call. Any other error becomes `internalError` with
/// the error's description.
public struct PluginError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A code of `drover/types.h`.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }
    }

    public let code: Code
    /// What failed, on what, and what to do about it.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(message) (code \(code.rawValue))" }
}

extension PluginError.Code {
    /// An argument or a configuration key is wrong; the message names it.
    public static let invalid = Self(rawValue: DROVER_E_INVALID)
    /// No such task, file, image, key or interface.
    public static let notFound = Self(rawValue: DROVER_E_NOT_FOUND)
    /// It is there already and differs from what was asked for.
    public static let exists = Self(rawValue: DROVER_E_EXISTS)
    /// This plug-in, or this machine, cannot do that.
    public static let unsupported = Self(rawValue: DROVER_E_UNSUPPORTED)
    /// Failed for a passing reason; the same call may succeed later or elsewhere.
    public static let retry = Self(rawValue: DROVER_E_RETRY)
    /// Ended because the caller cancelled.
    public static let cancelled = Self(rawValue: DROVER_E_CANCELLED)
    /// Ended because the deadline passed.
    public static let deadline = Self(rawValue: DROVER_E_DEADLINE)
    /// The host table belongs to an instance that has been destroyed.
    public static let revoked = Self(rawValue: DROVER_E_REVOKED)
    /// A documented size or count would be exceeded.
    public static let limit = Self(rawValue: DROVER_E_LIMIT)
    /// Not permitted, by the operating system or by the operator's grants.
    public static let denied = Self(rawValue: DROVER_E_DENIED)
    /// The operating system reported an error.
    public static let io = Self(rawValue: DROVER_E_IO)
    /// A defect in the callee.
    public static let internalError = Self(rawValue: DROVER_E_INTERNAL)
    /// Not possible in the present state.
    public static let state = Self(rawValue: DROVER_E_STATE)
    /// The two sides were built from different headers.
    public static let abi = Self(rawValue: DROVER_E_ABI)
}
