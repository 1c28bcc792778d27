internal import Synchronization

/// The certificates an agent uses at present, shared by its ports; new connections take what is current.
package final class TLSSource: Sendable {
    private let settings: TLSSettings
    private let identity: Mutex<TLSIdentity>

    /// - Throws: ``TLSError`` naming the file or setting that cannot be used.
    package init(_ settings: TLSSettings) throws(TLSError) {
        self.settings = settings
        identity = Mutex(try TLSIdentity(settings))
    }

    package var current: TLSIdentity { identity.withLock { $0 } }

    /// Reads the files again. When they cannot be used, what was current stays so.
    ///
    /// - Throws: ``TLSError`` naming the file that cannot be used.
    package func reload() throws(TLSError) {
        let fresh = try TLSIdentity(settings)
        identity.withLock { $0 = fresh }
    }
}
