import Basics
import SimulatedSeam
import Testing

/// The simulated disk forgets what a real one may forget, and nothing else.
@Suite struct DiskTests {
    private static let sector = [UInt8](repeating: 7, count: 512)

    /// A disk with a synced file in a synced folder.
    private func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/data")
        try disk.replace("/data/old", with: Self.sector)
        return disk
    }

    @Test func whatWasSyncedStays() throws {
        for seed in 0..<20 as Range<UInt64> {
            let disk = try disk()
            let file = try disk.open("/data/old", create: false, exclusive: false)
            try file.write(Self.sector, at: 512)
            let after = disk.powerCut(random: SimulatedRandom(seed: seed))
            #expect(Array(try after.read("/data/old", limit: 4_096).prefix(512)) == Self.sector)
            #expect(throws: DiskError.self) { try file.write(Self.sector, at: 0) }
        }
    }

    /// Over many seeds, unsynced bytes are seen kept, lost and torn, and unsynced names kept and lost.
    @Test func whatWasNotSyncedMayGo() throws {
        var sizes: Set<Int> = []
        var sevens: Set<Int> = []
        var hasNew: Set<Bool> = []
        for seed in 0..<60 as Range<UInt64> {
            let disk = try disk()
            try disk.open("/data/old", create: false, exclusive: false).write(Self.sector + Self.sector, at: 512)
            try disk.open("/data/new", create: true, exclusive: true).synchronize()
            let after = disk.powerCut(random: SimulatedRandom(seed: seed))
            let bytes = try after.read("/data/old", limit: 4_096)
            sizes.insert(bytes.count)
            sevens.insert(bytes.count { $0 == 7 } / 512)
            hasNew.insert(after.exists("/data/new"))
        }
        #expect(sizes == [512, 1_536])
        #expect(sevens == [1, 2, 3])
        #expect(hasNew == [true, false])
    }

    @Test func aDeadProcessLosesNothing() throws {
        let disk = try disk()
        let lock = try disk.lock("/data/lock")
        try disk.open("/data/new", create: true, exclusive: true).write(Self.sector, at: 0)
        let after = disk.processDeath()
        #expect(try after.read("/data/new", limit: 4_096) == Self.sector)
        _ = try after.lock("/data/lock")
        lock.release()
    }

    /// The power fails in the middle of a write, a sync and a rename: after it the old or the new content is there.
    @Test func replacingIsAtomic() throws {
        for seed in 0..<10 as Range<UInt64> {
            for operations in 0..<12 {
                let disk = try disk()
                disk.failPower(after: operations)
                let isWhole = (try? disk.replace("/data/old", with: [1, 2, 3])) != nil
                let content = try disk.powerCut(random: SimulatedRandom(seed: seed)).read("/data/old", limit: 4_096)
                #expect(content == [1, 2, 3] || (!isWhole && content == Self.sector))
            }
        }
    }
}
