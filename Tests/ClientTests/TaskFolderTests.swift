import Basics
import Client
import Glibc
import Linux
import Model
import PluginHost
import Synchronization
import Testing

/// What the agent, as root, writes and changes in folders that a task may change too.
@Suite struct TaskFolderTests {
    private static let payload = "from the dispatcher"

    /// A batch allocation of one task with a dispatch payload, and the path of that task's folder.
    private func dispatched(_ fixture: ClientFixture, file: String) -> (allocation: Allocation, folder: String) {
        var task = makeTask("server")
        var wanted = DispatchPayloadConfig()
        wanted.file = file
        task.dispatchPayload = wanted
        var allocation = makeAllocation(.batch, [task]) { $0.restartPolicy?.attempts = 0 }
        allocation.job?.payload = Base64.encode(Array(TaskFolderTests.payload.utf8))
        return (allocation, "\(fixture.folder)/alloc/\(allocation.id)/server")
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test func aPayloadIsThereForAnyUserAndWrittenOnce() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let (allocation, folder) = dispatched(fixture, file: "in/put.json")
        fixture.servers.place(allocation)
        let path = folder + "/local/in/put.json"
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            #expect(SmallFile.text(path) == TaskFolderTests.payload)
            #expect(mode(path) == 0o666 && mode(folder + "/local/in") & 0o5 == 0o5)
        }
        // The task has changed its file; a restarted agent that only finds the task again leaves it so.
        try SmallFile.replace(path, with: Array("of the task".utf8))
        fixture.servers.state.withLock { $0.updates = [:] }
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            #expect(fixture.driver.started.count == 1)
        }
        #expect(SmallFile.text(path) == "of the task")
    }

    /// Tasks of any user write to the folder that they share; only what the agent made there is the agent's to rename.
    @Test func theSharedFolderIsOpenToAll() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.batch, [makeTask("server")])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            let shared = "\(fixture.folder)/alloc/\(allocation.id)/alloc"
            #expect(["", "/data", "/logs", "/tmp"].map { mode(shared + $0) } == [0o1777, 0o777, 0o777, 0o1777])
        }
    }

    /// A link at the payload's place, left by an earlier attempt, is replaced; one on the way to it is an error.
    @Test(arguments: [(file: "put.json", isWritten: true), ("in/put.json", false)])
    func aPayloadFollowsNoLinks(file: String, isWritten: Bool) async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let (allocation, folder) = dispatched(fixture, file: file)
        let host = fixture.folder + "/host"
        for path in [host, folder + "/local"] { try Folder.make(path) }
        try SmallFile.replace(host + "/put.json", with: Array("the host's".utf8))
        let target = isWritten ? host + "/put.json" : host
        #expect(symlink(target, "\(folder)/local/\(isWritten ? "put.json" : "in")") == 0)
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            let update = try await fixture.reported(allocation.id) { [.running, .failed].contains($0.clientStatus) }
            #expect((update.clientStatus == .running) == isWritten)
            let told = update.taskStates["server"]?.events.contains { $0.displayMessage.contains("dispatch payload") }
            #expect(told == !isWritten)
        }
        #expect(SmallFile.text(host + "/put.json") == "the host's")
        #expect(mode(host + "/put.json") == 0o600 && Folder.names(host) == ["put.json"])
        if isWritten { #expect(SmallFile.text(folder + "/local/put.json") == TaskFolderTests.payload) }
    }

    /// A folder of the task that has become a link is not followed: the host's folder keeps its mode and owner.
    @Test(arguments: ["local", "secrets", "tmp", "private"])
    func aTaskFolderThatIsALinkIsRefused(name: String) async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        var task = makeTask("server")
        if Machine.isRoot { task.user = "nobody" }
        let allocation = makeAllocation(.batch, [task]) { $0.restartPolicy?.attempts = 0 }
        let folder = "\(fixture.folder)/alloc/\(allocation.id)/server"
        let host = fixture.folder + "/host"
        for path in [host, folder] { try Folder.make(path, mode: 0o711) }
        #expect(symlink(host, "\(folder)/\(name)") == 0)
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            let update = try await fixture.reported(allocation.id) { [.running, .failed].contains($0.clientStatus) }
            #expect(update.clientStatus == .failed)
            let told = update.taskStates["server"]?.events.contains { $0.displayMessage.contains("server/\(name)") }
            #expect(told == true)
        }
        var status = stat()
        #expect(stat(host, &status) == 0 && status.st_mode & 0o7777 == 0o711 && status.st_uid == getuid())
        #expect(Folder.names(host).isEmpty)
    }

    @Test(arguments: [("", "private"), ("host-to-task", "rslave"), ("bidirectional", "rshared"), ("shared", nil)])
    func propagationOfAVolumeReachesTheDriver(mode: String, expected: String?) async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        var task = makeTask("server")
        var mount = VolumeMount()
        (mount.volume, mount.destination, mount.propagationMode) = ("data", "/data", mode)
        task.volumeMounts = [mount]
        let allocation = makeAllocation(.batch, [task]) { group in
            group.restartPolicy?.attempts = 0
            var wanted = VolumeRequest()
            (wanted.type, wanted.source) = ("host", "disk")
            group.volumes = ["data": wanted]
        }
        fixture.servers.place(allocation)
        let client = try await fixture.client { configuration in
            var volume = HostVolumeInfo()
            volume.path = "/srv"
            configuration.hostVolumes = ["disk": volume]
        }
        try await fixture.run(client) { _ in
            let update = try await fixture.reported(allocation.id) { [.running, .failed].contains($0.clientStatus) }
            #expect(fixture.driver.spec("server")?.mounts.map(\.propagation) == expected.map { [$0] })
            let told = update.taskStates["server"]?.events.contains { $0.displayMessage.contains("\"shared\"") }
            #expect(told == (expected == nil))
        }
    }

    /// The group's network reaches a driver that can do it; another one does not start the task in the host's instead.
    @Test(arguments: [("", "host"), ("host", "host"), ("none", "none"), ("bridge", nil)])
    func theGroupsNetworkReachesTheDriver(mode: String, expected: String?) async throws {
        var fixture = ClientFixture()
        fixture.network = FakeNetworkTools()
        defer { fixture.close() }
        let allocation = makeAllocation(.batch, [makeTask("server")]) { group in
            group.restartPolicy?.attempts = 0
            var network = NetworkResource()
            network.mode = mode
            group.networks = [network]
        }
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { [fixture] _ in
            let update = try await fixture.reported(allocation.id) { [.running, .failed].contains($0.clientStatus) }
            #expect(fixture.driver.spec("server")?.networkMode == expected)
            let told = update.taskStates["server"]?.events.contains {
                $0.displayMessage.contains("network mode \"bridge\": driver \"fake\" knows only host, none")
            }
            #expect(told == (expected == nil))
        }
    }

    /// In its own folder a task may make what it likes, but not take away what the agent made there.
    @Test func aTaskCannotRenameTheAgentsFolders() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.service, [makeTask("server")])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
        }
        #expect(mode("\(fixture.folder)/alloc/\(allocation.id)/server") == 0o1777)
    }
}
