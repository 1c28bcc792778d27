import Basics
import Glibc
import Linux
import Testing

@Suite struct LinuxTests {
    @Test func namesASystemCallItsObjectAndTheReason() {
        let error = #expect(throws: LinuxError.self) { try SmallFile.read("/nonexistent/file") }
        #expect(error == LinuxError(call: "open", path: "/nonexistent/file", errno: ENOENT))
        #expect(error?.description == "open /nonexistent/file: No such file or directory (errno 2)")
    }

    @Test func aProcessIsItsPidAndStartTime() throws {
        let me = try #require(ProcessIdentity(pid: getpid()))
        #expect(me.isAlive)
        #expect(try me.open() != nil)
        let other = ProcessIdentity(pid: me.pid, startTime: me.startTime + 1)
        #expect(!other.isAlive)
        #expect(try other.open() == nil)
        #expect(try !other.send(SIGKILL))
    }

    @Test(arguments: [("SIGTERM", SIGTERM), ("sigint", SIGINT), ("hup", SIGHUP), ("SIGNOT", nil), ("", nil)])
    func readsSignalNames(name: String, number: Int32?) {
        #expect(SignalName.number(name) == number)
    }

    @Test func detectsHierarchiesFromTheMounts() {
        let v1 = """
            30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
            31 24 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
            32 24 0:28 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw,nsdelegate
            """
        let mixed = CgroupHost.detect(mountInfo: v1)
        #expect(mixed?.version == .v1)
        #expect(mixed?.mounts["cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct")
        let group = mixed.map { Cgroup.located(on: $0, parent: "drover", name: "t") }
        #expect(group?.paths == ["/sys/fs/cgroup/cpu,cpuacct/drover/t", "/sys/fs/cgroup/memory/drover/t"])
        let v2 = CgroupHost.detect(mountInfo: "35 24 0:30 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw")
        #expect(v2?.version == .v2)
        #expect(CgroupHost.detect(mountInfo: "1 0 8:1 / / rw - ext4 /dev/sda rw") == nil)
    }

    /// A folder of plain files in place of a v2 hierarchy that lets nobody write its cgroup.subtree_control.
    @Test func aControllerThatIsNotPassedOnFailsTheLimitThatNeedsIt() throws {
        let mount = "/tmp/drover-test-\(SystemRandom().id().short)"
        defer { try? Folder.remove(mount) }
        try Folder.make(mount + "/cgroup.subtree_control")
        try SmallFile.replace(mount + "/cgroup.controllers", with: Array("cpu memory pids".utf8))
        let host = try #require(CgroupHost.detect(mountInfo: "35 24 0:30 / \(mount) rw - cgroup2 cgroup2 rw"))
        var limits = CgroupLimits()
        _ = try Cgroup.make(on: host, parent: "drover", name: "free", limits: limits)
        limits.memoryMaxBytes = 1 << 20
        let error = #expect(throws: LinuxError.self) {
            try Cgroup.make(on: host, parent: "drover", name: "bounded", limits: limits)
        }
        #expect(error?.path == mount + "/cgroup.subtree_control" && error?.errno == EISDIR)
    }

    @Test func theDiskKeepsItsPromises() throws {
        let disk = SystemDisk()
        let folder = "/tmp/drover-test-\(SystemRandom().id().short)"
        defer { try? disk.remove(folder) }
        try disk.makeDirectory(folder + "/a/b")
        try disk.replace(folder + "/a/file", with: [1, 2, 3])
        #expect(try disk.read(folder + "/a/file", limit: 3) == [1, 2, 3])
        #expect(try disk.list(folder + "/a") == ["b", "file"])
        let tooLarge = #expect(throws: DiskError.self) { try disk.read(folder + "/a/file", limit: 2) }
        #expect(tooLarge?.reason == .tooLarge)
        let file = try disk.open(folder + "/a/file", create: false, exclusive: false)
        try file.allocate(100)
        try file.write([9], at: 50)
        #expect(try file.size() == 100)
        #expect(try file.read(at: 50, count: 100).first == 9)
        file.close()
        #expect(throws: DiskError.self) { try file.size() }
        let lock = try disk.lock(folder + "/lock")
        let locked = #expect(throws: DiskError.self) { try disk.lock(folder + "/lock") }
        #expect(locked?.reason == .locked)
        lock.release()
        try disk.lock(folder + "/lock").release()
        let absent = #expect(throws: DiskError.self) { try disk.open(folder + "/x", create: false, exclusive: false) }
        #expect(absent?.reason == .notFound)
    }

    /// ext4 has a flag for it, others have not.
    @Test(arguments: ["/tmp", "/dev/shm"])
    func aTopFolderIsMadeOnAnyFileSystem(place: String) throws {
        let folder = "\(place)/drover-test-\(SystemRandom().id().short)"
        defer { try? Folder.remove(folder) }
        for _ in 0..<2 { try Folder.makeTop(folder + "/top") }
        try Folder.make(folder + "/top/below")
        #expect(Folder.names(folder + "/top") == ["below"])
    }

    @Test func removingAFolderFollowsNoLinks() throws {
        let folder = "/tmp/drover-test-\(SystemRandom().id().short)"
        defer { try? Folder.remove(folder) }
        try Folder.make(folder + "/keep")
        try SmallFile.replace(folder + "/keep/file", with: [1])
        try Folder.make(folder + "/gone/deep")
        symlink(folder + "/keep", folder + "/gone/deep/link")
        try Folder.remove(folder + "/gone")
        #expect(!SmallFile.exists(folder + "/gone"))
        #expect(SmallFile.exists(folder + "/keep/file"))
    }

    @Test func blockingWorkOfALaneStaysInOrder() async throws {
        let threads = BlockingThreads()
        let lane = BlockingLane("test")
        for number in 0..<50 { #expect(try await threads.run(lane: lane) { number } == number) }
    }

    @Test func findsUsersAndInterfaces() throws {
        #expect(UserIdentity.find("root")?.uid == 0)
        #expect(UserIdentity.find("0:0")?.groups == [0])
        #expect(UserIdentity.find("no-such-user") == nil)
        let loopback = try NetworkInterface.all().first { $0.isLoopback }
        #expect(loopback?.addresses.contains("127.0.0.1") == true)
        #expect(try Machine.storage(at: "/").bytesTotal > 0)
        #expect(Machine.bootID.utf8.count == 36)
    }

    /// While another socket listens, and only then.
    @Test func triesAddresses() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, length) == 0 ? getsockname(listener, generic, &length) : -1
            }
        }
        try #require(result == 0 && listen(listener, 1) == 0)
        let taken = NetworkAddress(host: "127.0.0.1", port: Int(in_port_t(bigEndian: address.sin_port)))
        let error = #expect(throws: LinuxError.self) { try ListenTest.run(taken) }
        #expect(error == LinuxError(call: "bind", path: taken.description, errno: EADDRINUSE))
        let foreign = #expect(throws: LinuxError.self) {
            try ListenTest.run(NetworkAddress(host: "192.0.2.77", port: taken.port))
        }
        #expect(foreign?.errno == EADDRNOTAVAIL)
        close(listener)
        try ListenTest.run(taken)
        try ListenTest.run(NetworkAddress(host: "127.0.0.1", port: 0))
    }
}
