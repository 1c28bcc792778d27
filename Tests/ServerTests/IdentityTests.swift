import Basics
import StateStore
import Testing

@testable import Server

/// Which cluster a server is of.
@Suite struct IdentityTests {
    @Test func theFirstLeaderDrawsTheClustersIdentity() throws {
        func identity(seed: UInt64) throws -> ID {
            try ServerFixture.run(nodes: 0, seed: seed) { fixture in
                let identity = try #require(fixture.server.snapshot.clusterIdentity)
                #expect(identity.createTime != .never && !identity.id.isNone)
                // Another leader's late entry changes nothing.
                let other = ClusterIdentity(id: ID(high: 1, low: 2), createTime: .never)
                try await fixture.server.propose(.clusterIdentity(other))
                #expect(fixture.server.snapshot.clusterIdentity == identity)
                return identity.id
            }
        }
        let first = try identity(seed: 1)
        #expect(try identity(seed: 1) == first, "the seed decides")
        #expect(try identity(seed: 2) != first)
    }
}
