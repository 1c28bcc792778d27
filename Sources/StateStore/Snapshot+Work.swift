extension Snapshot {
    /// The commonest of what live allocations ask for; the same object until enough has changed, see ``WorkLedger``.
    package var commonWork: CommonWork { state.work.common }

    /// All that live allocations ask for, with how many do, as of this very index.
    package var liveWork: [WorkCount] { state.work.counts }
}
