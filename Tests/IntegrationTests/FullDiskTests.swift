import Basics
import Foundation
import TestSupport
import Testing

/// A server whose data folder runs full: it stops with the reason, loses nothing acknowledged, and goes on once there is room.
@Suite(.enabled(if: SmallDisk.isPossible, "needs root (mount)")) struct FullDiskTests {
    /// A segment of the log, 64 MiB, is taken from the disk as a whole.
    @Test func aDiskWithoutRoomForTheLogIsRefusedAtTheStart() throws {
        let server = try Self.server()
        let disk = try SmallDisk(server.folder.path + "/data", mebibytes: 16)
        defer { disk.remove(after: server) }
        try server.start()
        #expect(server.hasEnded(seconds: 20), "\(server.log.suffix(2_000))")
        #expect(server.wait() != 0)
        #expect(server.log.contains("no space left on the device"), "\(server.log.suffix(2_000))")

        try disk.grow(mebibytes: 200)
        try server.start()
        try Self.waitForLeader(server)
    }

    @Test func aDiskThatRunsFullStopsTheServerAndLosesNothing() throws {
        let server = try Self.server()
        // The first segment fits, the second does not.
        let disk = try SmallDisk(server.folder.path + "/data", mebibytes: 100)
        defer { disk.remove(after: server) }
        try server.start()
        try Self.waitForLeader(server)

        var acknowledged: [String] = []
        while acknowledged.count < 500, server.acknowledges(Self.job(acknowledged.count)) {
            acknowledged.append("large-\(acknowledged.count)")
        }
        #expect((50..<500).contains(acknowledged.count), "the log ran full, and not at once: \(acknowledged.count)")
        #expect(server.hasEnded(seconds: 20), "\(server.log.suffix(2_000))")
        #expect(server.wait() != 0)
        #expect(server.log.contains("no space left on the device"), "\(server.log.suffix(2_000))")

        try disk.grow(mebibytes: 400)
        try server.start()
        try Self.waitForLeader(server)
        let jobs = Set(try server.http.getJSON("/v1/jobs").array?.compactMap { $0["ID"]?.string } ?? [])
        #expect(jobs.isSuperset(of: acknowledged), "missing: \(Set(acknowledged).subtracting(jobs).sorted())")
        #expect(server.acknowledges(Self.job(1_000)), "it takes writes again: \(server.log.suffix(2_000))")
    }

    private static func server() throws -> AgentProcess {
        try AgentProcess(["-server", "-bootstrap-expect", "1", "-node", "s1", "-bind", "127.0.0.1"])
    }

    private static func waitForLeader(_ server: AgentProcess) throws {
        try eventually("it leads", seconds: 60, details: { server.log }) {
            (try? server.http.get("/v1/vars"))?.status == 200
        }
    }

    /// A job of about half a mebibyte.
    private static func job(_ number: Int) -> JSON {
        Jobs.shell("large-\(number)", "true # \(String(repeating: "x", count: 512 << 10))", type: "batch")
    }
}

extension AgentProcess {
    fileprivate func acknowledges(_ job: JSON) -> Bool { (try? http.put("/v1/jobs", job))?.status == 200 }
}

/// A file system of its own and of a size of its own, in memory, on a folder.
private struct SmallDisk {
    static let isPossible = getuid() == 0

    private let folder: String

    init(_ folder: String, mebibytes: Int) throws {
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try mount(0, mebibytes)
    }

    func grow(mebibytes: Int) throws { try mount(UInt(MS_REMOUNT), mebibytes) }

    func remove(after server: AgentProcess) {
        server.kill()
        umount2(folder, Int32(MNT_DETACH))
    }

    private func mount(_ flags: UInt, _ mebibytes: Int) throws {
        guard Glibc.mount("tmpfs", folder, "tmpfs", flags, "size=\(mebibytes)m") == 0 else {
            throw NeverHappened(description: "cannot mount \(mebibytes) MiB at \(folder): errno \(errno)")
        }
    }
}
