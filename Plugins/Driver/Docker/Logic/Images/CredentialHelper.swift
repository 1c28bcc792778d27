internal import DockerSystem
internal import DroverSDK
internal import Glibc
internal import PluginSupport

/// A program that knows registries' credentials: docker-credential-<name>, found in PATH (Docker docs: credential helpers).
///
/// Nothing of it holds the plug-in's thread, whatever the program does: its output and its end are waited for as everything else, and
/// when its time is over it is killed with all that it has started.
struct CredentialHelper: Sendable {
    let name: String

    /// Bytes of an answer.
    static let answerBytesMax = 64 << 10
    /// How long a helper may take.
    var secondsMax: Int64 = 30

    private var program: String { "docker-credential-\(name)" }

    /// Asks for the credentials of `registry`; `nil` when the helper has none.
    ///
    /// - Throws: ``PluginError`` when it cannot be started, fails or answers something else.
    func ask(_ registry: String, on loop: EventLoop, clock: Clock) async throws -> RegistryCredentials? {
        let seconds = secondsMax
        let (code, output) = try await clock.limit(
            seconds: seconds, "\(program) did not answer", { try await run(input: registry, loop, clock) })
        let text = String(decoding: output, as: UTF8.self)
        if code != 0, text.contains("credentials not found") { return nil }
        guard code == 0 else { throw PluginError(.denied, "\(program) get failed with \(code): \(text)") }
        let answer = try JSON(parsing: text)
        let name = try answer.text("Username")
        let secret = try answer.text("Secret")
        if name == "<token>" { return RegistryCredentials(server: registry, token: secret) }
        return RegistryCredentials(username: name, password: secret, server: registry)
    }

    private func run(
        input: String, _ loop: EventLoop, _ clock: Clock
    ) async throws -> (code: Int32, output: [UInt8]) {
        let (toHelper, fromHelper) = (try Pipe(), try Pipe())
        let child: pid_t
        do {
            child = try spawn(input: toHelper.reading, output: fromHelper.writing)
        } catch {
            toHelper.close()
            fromHelper.close()
            throw error
        }
        close(toHelper.reading)
        close(fromHelper.writing)
        // One short line: it fits the pipe, so this does not wait for the helper.
        _ = Array(input.utf8).withUnsafeBytes { write(toHelper.writing, $0.baseAddress, $0.count) }
        close(toHelper.writing)
        defer { close(fromHelper.reading) }
        do {
            let output = try await answer(from: fromHelper.reading, loop)
            return (try await CredentialHelper.end(of: child, clock), output)
        } catch {
            kill(-child, SIGKILL)
            // Not cancelled with the caller: a killed child is gone within a moment, and is not to stay behind as a zombie.
            _ = await Task(executorPreference: loop) { try? await CredentialHelper.end(of: child, clock) }.value
            throw error
        }
    }

    private func answer(from descriptor: Int32, _ loop: EventLoop) async throws -> [UInt8] {
        var output: [UInt8] = []
        while output.count <= Self.answerBytesMax {
            try await loop.ready(descriptor, .input)
            var buffer = [UInt8](repeating: 0, count: 4_096)
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { return output }
            output += buffer.prefix(count)
        }
        throw PluginError(.limit, "\(program) answers with more than \(Self.answerBytesMax) bytes")
    }

    /// The exit code of a child that has ended, or is about to. Asked for now and then: waiting would hold the thread.
    private static func end(of child: pid_t, _ clock: Clock) async throws -> Int32 {
        var delay: Int64 = 1_000_000
        while true {
            var status: Int32 = 0
            let reaped = waitpid(child, &status, WNOHANG)
            if reaped == child { return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f }
            // Somebody else has reaped it.
            if reaped < 0, errno != EINTR { return -1 }
            try await clock.pause(nanoseconds: delay)
            delay = min(delay * 2, 100_000_000)
        }
    }

    private func spawn(input: Int32, output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A process group of its own, so that what it starts ends with it.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var arguments = [strdup(program), strdup("get"), nil]
        let own = (SmallFile.read("/proc/self/environ") ?? "").split(separator: "\0").map { strdup(String($0)) }
        var variables = own + [nil]
        defer { for text in arguments + own { free(text) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, program, &actions, &attributes, &arguments, &variables)
        guard code == 0 else {
            throw PluginError(
                .notFound, "cannot start \(program): \(String(cString: strerror(code))); install it in the agent's PATH"
            )
        }
        return child
    }
}

private struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard docker_pipe(&ends) == 0 else { throw SystemError.make("pipe2", "for a credential helper") }
        (reading, writing) = (ends[0], ends[1])
    }

    func close() {
        Glibc.close(reading)
        Glibc.close(writing)
    }
}
