internal import Basics
package import Glibc
internal import Linux
internal import Synchronization

/// A real `drover agent` in a process of its own, with a folder and ports of its own; killed and cleaned up at the end.
package final class AgentProcess {
    package let folder: TemporaryFolder
    package let httpPort: Int
    package let rpcPort: Int
    package let serfPort: Int
    package private(set) var pid: pid_t = 0
    private let arguments: [String]
    private let files: [String]

    /// `arguments` follow `agent`; the data folder and the ports are added.
    package init(_ arguments: [String] = ["-dev"], configuration: String = "") throws {
        folder = try TemporaryFolder("agent")
        (httpPort, rpcPort, serfPort) = (try freePort(), try freePort(), try freePort())
        let ports = "ports {\n  http = \(httpPort)\n  rpc = \(rpcPort)\n  serf = \(serfPort)\n}\n"
        try folder.write("agent.hcl", ports + configuration)
        self.arguments = arguments
        files = ["-data-dir", folder.path + "/data", "-config", folder.path + "/agent.hcl"]
    }

    deinit {
        kill()
        endTasks()
    }

    /// Ends what the killed agent left running, and removes its control groups.
    private func endTasks() {
        let plugins = folder.path + "/data/plugins"
        let runs = Folder.names(plugins).flatMap { plugin in
            Folder.names("\(plugins)/\(plugin)/run").map { "\(plugins)/\(plugin)/run/\($0)" }
        }
        let groups = runs.flatMap { run -> [String] in
            let spec = (try? SmallFile.read(run + "/spec")) ?? []
            return spec.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                .filter { $0.hasPrefix("cgroup=") }.map { String($0.dropFirst(7)) }
        }
        // A shim that is told to end takes its task with it.
        for _ in 0..<300 {
            let left = shims()
            if left.isEmpty { break }
            for pid in left { Glibc.kill(pid, SIGTERM) }
            usleep(10_000)
        }
        for group in groups {
            let cgroup = Cgroup(version: CgroupHost.current?.version ?? .v1, folders: ["": group])
            cgroup.killAll()
            cgroup.remove()
        }
    }

    /// The shims of this agent's tasks; those of one driver, when it is named.
    package func shims(of driver: String = "") -> [pid_t] {
        let start = folder.path + "/" + (driver.isEmpty ? "" : "data/plugins/\(driver)/")
        return Folder.names("/proc").compactMap { pid_t($0) }.filter { pid in
            let words = ((try? SmallFile.read("/proc/\(pid)/cmdline")) ?? []).split(separator: 0)
            guard let program = words.first, let run = words.last, words.count > 1 else { return false }
            return program.reversed().starts(with: "drover-shim".utf8.reversed())
                && run.starts(with: start.utf8)
        }
    }

    /// Where its gossip is joined.
    package var gossip: String { "127.0.0.1:\(serfPort)" }
    package var http: HTTPConnection { HTTPConnection(port: httpPort) }
    package var log: String { (try? folder.read("agent.log")) ?? "" }

    /// Starts (or starts again) the agent; ``waitUntilReady()`` tells when it takes work. `more` follows the arguments,
    /// and `other` ones take the place of those it was made with; `launcher` is what it is run by, such as `ip netns exec NAME`.
    package func start(
        _ more: [String] = [], replacing other: [String]? = nil, environment: [String: String] = [:],
        through launcher: [String] = []
    ) throws {
        pid = try Binaries.spawn(
            "drover", ["agent"] + (other ?? arguments) + files + more, output: folder.path + "/agent.log",
            environment: environment, through: launcher)
    }

    /// Waits until the agent has a leader and a ready node.
    package func waitUntilReady(seconds: Double = 30) throws {
        try eventually("the agent is ready", seconds: seconds, details: { self.log }) {
            guard let nodes = try? self.http.getJSON("/v1/nodes").array else { return false }
            return nodes.contains { $0["Status"] == .string("ready") }
        }
    }

    package func signal(_ number: Int32) { if pid > 0 { Glibc.kill(pid, number) } }

    /// Ends the agent with SIGKILL and waits for its end.
    package func kill() {
        guard pid > 0 else { return }
        Glibc.kill(pid, SIGKILL)
        _ = wait()
    }

    /// Waits for the agent's end; its exit code, or 128 plus the signal.
    @discardableResult
    package func wait() -> Int32 {
        guard pid > 0 else { return 0 }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        pid = 0
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }
}

private let portsGiven = Mutex<Set<Int>>([])

/// A port that was free a moment ago, and that nobody here was given before: the kernel may name one again at once.
package func freePort() throws -> Int {
    while true {
        let port = try unusedPort()
        if portsGiven.withLock({ $0.insert(port).inserted }) { return port }
    }
}

private func unusedPort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            bind(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
        }
    }
    guard result == 0 else { throw HTTPConnection.Failure(description: "no free port") }
    return Int(in_port_t(bigEndian: address.sin_port))
}

/// What never came true in time.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Asks `condition` every 10 ms until it holds.
package func eventually(
    _ what: String, seconds: Double = 15, details: () -> String = { "" }, _ condition: () throws -> Bool
) throws {
    for _ in 0..<Int(seconds * 100) {
        if try condition() { return }
        usleep(10_000)
    }
    guard try condition() else { throw NeverHappened(description: "not within \(seconds) s: \(what)\n\(details())") }
}
