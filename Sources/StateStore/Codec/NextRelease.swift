#if DEBUG
    internal import Synchronization

    /// A release after this one, which a debug build can play: it knows an entry kind and a snapshot record that this one does not.
    ///
    /// With it tests see a cluster go to the next release and back. It is either played from the start of a process or not at all.
    package enum NextRelease {
        private static let played = Atomic(false)

        package static var isPlayed: Bool { played.load(ordering: .relaxed) }

        /// Plays it from now on.
        package static func play() { played.store(true, ordering: .relaxed) }
    }
#endif

extension SnapshotRecord {
    /// Whether this build understands the record.
    var isKnown: Bool {
        #if DEBUG
            self != .namespaceNote || NextRelease.isPlayed
        #else
            true
        #endif
    }
}
