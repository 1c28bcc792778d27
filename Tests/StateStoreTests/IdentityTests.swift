import Basics
import Model
import Testing

@testable import StateStore

/// Ids that follow from the log: alike on every replica, different in every cluster.
@Suite struct IdentityTests {
    private func identity(_ low: UInt64) -> ClusterIdentity {
        var id = ID.none
        id.low = low
        return ClusterIdentity(id: id, createTime: Timestamp(seconds: 1_700_000_000))
    }

    /// A cluster that has been given `identities`, and the id of the evaluation of its first job.
    private func cluster(_ identities: [ClusterIdentity]) -> (fixture: Fixture, evaluation: ID) {
        var fixture = Fixture()
        // The job's entry has the same index however many identities there are.
        fixture.index = 10 - UInt64(identities.count)
        for identity in identities { fixture.apply(.clusterIdentity(identity)) }
        return (fixture, fixture.register(fixture.job("web")).evaluations.first?.id ?? .none)
    }

    @Test func clustersWithTheSameLogHaveDifferentIDs() {
        #expect(cluster([identity(7)]).evaluation == cluster([identity(7)]).evaluation)
        #expect(cluster([identity(7)]).evaluation != cluster([identity(8)]).evaluation)
    }

    @Test func theFirstIdentityStays() {
        let (fixture, evaluation) = cluster([identity(7), identity(8)])
        #expect(fixture.snapshot.clusterIdentity == identity(7))
        #expect(evaluation == cluster([identity(7)]).evaluation)
    }

    /// Logs of builds that knew no identity give the ids they gave then.
    @Test func withoutIdentityIDsAreThoseOfEarlierBuilds() throws {
        let (fixture, evaluation) = cluster([])
        #expect(fixture.snapshot.clusterIdentity == nil)
        #expect(evaluation == ID(index: 11, ordinal: 1, salt: 0x6576_616c))
        #expect("\(evaluation)" == "abd27faa-9932-8ab9-9f41-d4f2fb7b6e10")
    }

    @Test(arguments: [[], [7]] as [[UInt64]]) func snapshotsKeepIt(lows: [UInt64]) throws {
        var (fixture, _) = cluster(lows.map { identity($0) })
        var reader = SnapshotReader()
        try reader.read(fixture.snapshot.encoded)
        var restored = try reader.finish()
        #expect(restored.snapshot().clusterIdentity == fixture.snapshot.clusterIdentity)
        let entry = StateEntry.jobRegister(JobRegistration(job: fixture.job("api"), time: fixture.time))
        let next = fixture.apply(entry).evaluations.map(\.id)
        #expect(!next.isEmpty && restored.apply(entry, index: fixture.index).evaluations.map(\.id) == next)
    }

    @Test func itsEntrySurvivesItsBinaryForm() throws {
        let entry = StateEntry.clusterIdentity(identity(7))
        #expect(try StateEntry(decoding: entry.encoded) == entry && entry.time == identity(7).createTime)
    }
}
