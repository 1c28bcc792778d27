internal import Glibc
internal import Linux
internal import Synchronization

/// A dockerd of this test run's own: started by hand with all its files in one folder, no bridge and no rules in the firewall,
/// and images made of busybox: "box:1", and "pause:1" that sleeps. It ends with the process, and leaves nothing.
package final class DockerEngine: Sendable {
    private let home: TemporaryFolder
    private let pid = Mutex<pid_t>(0)

    /// The engine; the reason when there can be none here.
    package static let shared: Result<DockerEngine, Missing> = {
        do throws(Missing) {
            return .success(try DockerEngine())
        } catch {
            return .failure(error)
        }
    }()

    package struct Missing: Error {
        package let reason: String
    }

    /// Whether this machine has what a dockerd needs; what it lacks is ``reason``. Starts none: conditions of tests are asked in
    /// runs that skip them, too.
    package static var isHere: Bool { reason.isEmpty }

    package static var reason: String {
        guard geteuid() == 0 else { return "needs root, for dockerd" }
        let programs: [String] = ["/usr/sbin/dockerd", "/usr/bin/docker", "/bin/busybox"]
        let absent = programs.first { access($0, X_OK) != 0 }
        return absent.map { "needs \($0): apt-get install docker.io busybox-static" } ?? ""
    }

    private init() throws(Missing) {
        guard DockerEngine.isHere else { throw Missing(reason: DockerEngine.reason) }
        do {
            home = try TemporaryFolder("dockerd")
            try start()
            try importImage()
        } catch {
            throw Missing(reason: "needs a dockerd that starts: \(error)")
        }
        atexit { try? DockerEngine.shared.get().end() }
    }

    package var folder: String { home.path }
    package var socket: String { folder + "/engine.sock" }
    package var endpoint: String { "unix://" + socket }

    /// Starts dockerd, with `more` arguments, and waits until it answers.
    package func start(_ more: [String] = []) throws {
        // The limit ends a dockerd whose tests were killed.
        let command =
            [
                "/usr/bin/timeout", "--kill-after=10", "1200", "/usr/sbin/dockerd", "--storage-driver=vfs",
                "--iptables=false",
                "--bridge=none", "--data-root=\(folder)/data", "--exec-root=\(folder)/exec", "--host=\(endpoint)",
                "--pidfile=\(folder)/pid", "--log-level=error", "--shutdown-timeout=1",
            ] + more
        let log = folder + "/log"
        let child = try spawn(command, log: log)
        pid.withLock { $0 = child }
        for _ in 0..<3_000 {
            if docker("version") == 0 { return }
            var status: Int32 = 0
            guard waitpid(child, &status, WNOHANG) == 0 else {
                pid.withLock { $0 = 0 }
                break
            }
            usleep(10_000)
        }
        throw Missing(reason: "dockerd: \((SmallFile.text(log) ?? "").suffix(500))")
    }

    private func spawn(_ words: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var arguments = words.map { strdup($0) } + [nil]
        let path = strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin")
        var environment = [path, nil]
        defer { for argument in arguments + [path] { free(argument) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, words[0], &actions, nil, &arguments, &environment)
        guard code == 0 else { throw Missing(reason: "cannot start \(words[0]): \(code)") }
        return child
    }

    /// Ends dockerd, and with SIGTERM the containers; those that a killed one leaves are ended by the next.
    package func stop(_ signal: Int32 = SIGTERM) {
        let timeout = pid.withLock { pid in
            defer { pid = 0 }
            return pid
        }
        guard timeout > 0 else { return }
        let daemon = (SmallFile.text(folder + "/pid") ?? "").split(separator: "\n").first.flatMap { pid_t($0) } ?? 0
        if daemon > 0 { kill(daemon, signal) }
        var status: Int32 = 0
        while waitpid(timeout, &status, 0) < 0, errno == EINTR {}
        // The containerd of a killed dockerd is ending, and maybe not reaped for a while: the next dockerd would take it for its own.
        let helperFile = folder + "/exec/containerd/containerd.pid"
        let helper = SmallFile.text(helperFile).flatMap { pid_t($0) }
        for _ in 0..<1_000 {
            guard let helper, ProcessIdentity(pid: helper)?.isAlive == true else { break }
            usleep(10_000)
        }
        for file in [helperFile, folder + "/pid"] { unlink(file) }
    }

    /// Ends what is left and removes all files.
    private func end() {
        _ = system("\(cli) rm -f $(\(cli) ps -aq) >/dev/null 2>&1")
        stop()
        _ = system("umount -l $(grep -o '\(folder)[^ ]*' /proc/self/mounts | tac) 2>/dev/null; rm -rf \(folder)")
    }

    /// The docker program, as the shell calls it.
    package var cli: String { "/usr/bin/docker -H \(endpoint)" }

    /// The exit code of the docker program.
    @discardableResult
    package func docker(_ arguments: String) -> Int32 { system("\(cli) \(arguments) >/dev/null 2>&1") >> 8 & 0xff }

    /// What the docker program says, by lines.
    package func lines(_ arguments: String) -> [String] {
        guard let pipe = popen("\(cli) \(arguments) 2>&1", "r") else { return [] }
        defer { pclose(pipe) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = fread(&buffer, 1, buffer.count, pipe)
            if count == 0 { break }
            text += buffer.prefix(count)
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Ids of containers, also ended ones.
    package var containers: [String] { lines("ps -aq") }

    private func importImage() throws {
        let root = folder + "/box"
        let code = system(
            "mkdir -p \(root)/bin \(root)/tmp && cp /bin/busybox \(root)/bin/ && /bin/busybox --install -s \(root)/bin "
                + "&& for f in \(root)/bin/*; do [ -L $f ] && ln -sf busybox $f; done; tar -C \(root) -c . | "
                + "\(cli) import - box:1 >/dev/null && tar -C \(root) -c . | "
                + "\(cli) import -c 'CMD [\"/bin/sleep\", \"100000\"]' - pause:1 >/dev/null")
        guard code == 0 else { throw Missing(reason: "cannot import busybox") }
    }
}
