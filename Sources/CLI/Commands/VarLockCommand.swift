internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct VarLockCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Run a command while holding a lock.",
        discussion: """
            Waits until nobody else holds the lock on the variable, runs the command, and gives the lock back. Should the \
            lock be lost, as the servers could not be reached in time, the command is ended. Its exit code is this one's.

              drover var lock leader/backup -- ./backup --all
            """)

    @OptionGroup var options: ClientOptions

    @Option(
        name: .go("ttl"), help: ArgumentHelp("How long the lock lasts unrenewed; 10s to 24h.", valueName: "duration"))
    var ttl = "15s"

    @Option(
        name: .go("delay"),
        help: ArgumentHelp("How long nobody gets the lock after it was lost.", valueName: "duration"))
    var delay = "15s"

    @Flag(
        name: .go("shell"), inversion: .prefixedNo,
        help: "Run the command by the shell that SHELL names, else /bin/sh.")
    var shell = true

    @Flag(name: .go("early-return"), help: "Give up with exit code 1 when somebody else holds the lock.")
    var earlyReturn = false

    @Option(
        name: .go("max-retry"), help: ArgumentHelp("Failed requests in a row before giving up.", valueName: "count"))
    var retriesMax = 5

    @Option(
        name: .go("backoff"), help: ArgumentHelp("The wait before asking for the lock again.", valueName: "duration"))
    var backoff = "1s"

    @Flag(name: .go("verbose"), help: "Tell on standard error what becomes of the lock.")
    var verbose = false

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The path, perhaps a file as @file, and the command.", valueName: "path command"))
    var arguments: [String]

    package init() {}

    package func run() async throws {
        let words = arguments.first == "--" ? Array(arguments.dropFirst()) : arguments
        let spec = try VariableSpec(path: words, form: nil, report: report)
        var variable = spec.variable
        guard !variable.path.isEmpty else { throw CommandError("the path is missing: give it, or a file that has it") }
        let command = spec.rest.first == "--" ? Array(spec.rest.dropFirst()) : spec.rest
        guard !command.isEmpty else { throw CommandError("the command to run is missing") }
        var lock = VariableLock()
        lock.ttl = DurationText(try VarLockCommand.duration(ttl, "ttl"))
        lock.lockDelay = DurationText(try VarLockCommand.duration(delay, "delay"))
        variable.lock = lock
        var client = try options.client()
        if options.namespace == nil, !variable.namespace.isEmpty { client.namespace = variable.namespace }
        variable.namespace = client.namespace
        let held = try await acquire(variable, client)
        let code = try await run(command, holding: held, client)
        throw ExitCode(code)
    }

    private static func duration(_ text: String, _ flag: String) throws -> Duration {
        guard let duration = Duration(goText: text), duration >= .zero else {
            throw CommandError("-\(flag) \"\(text)\" is not a duration such as 15s")
        }
        return duration
    }

    private func report(_ text: String) { if verbose { Console.fail(text) } }

    /// The lock, once nobody else holds it.
    private func acquire(_ variable: Variable, _ client: DroverClient) async throws -> VariableUse {
        let pause = try VarLockCommand.duration(backoff, "backoff")
        report("Waiting for the lock on \"\(variable.path)\"")
        while true {
            let start = ContinuousClock.now
            let result = try await VarLockCommand.retrying(retriesMax, pause) { try await client.acquireLock(variable) }
            if case .done(let held) = result, let lock = held.lock {
                report("Holding the lock \(lock.id)")
                return VariableUse(path: held.path, id: lock.id, ttl: lock.ttl.duration, since: start)
            }
            guard !earlyReturn else { throw CommandError("Somebody else holds the lock on \"\(variable.path)\"") }
            try await Task.sleep(for: pause)
        }
    }

    /// Asks again after failures that may pass.
    private static func retrying<Result>(
        _ count: Int, _ pause: Duration, _ body: () async throws -> Result
    ) async throws -> Result {
        var failures = 0
        while true {
            do {
                return try await body()
            } catch let error as APIError where error.status < 500 {
                throw error
            } catch {
                failures += 1
                guard failures <= count else { throw error }
                try await Task.sleep(for: pause)
            }
        }
    }

    /// Runs the command to its end, or to that of the lock; gives the lock back.
    private func run(_ command: [String], holding held: VariableUse, _ client: DroverClient) async throws -> Int32 {
        let line = shell ? [VarLockCommand.shell, "-c", command.joined(separator: " ")] : command
        let child = try ChildProcess(line, environment: ["NOMAD_VARLOCK_HELD": "true", "DROVER_VARLOCK_HELD": "true"])
        var held = held
        var renewal = held.nextRenewal
        while true {
            if let code = child.exitCode() {
                _ = try? await client.releaseLock(held.path, id: held.id, namespace: client.namespace)
                report("Gave the lock back")
                return code
            }
            child.passOnSignals()
            if ContinuousClock.now >= renewal {
                let start = ContinuousClock.now
                switch try? await client.renewLock(held.path, id: held.id, namespace: client.namespace) {
                case .done:
                    held.since = start
                    renewal = held.nextRenewal
                case .conflict: return try await end(child, "it was lost")
                case nil: renewal = start + .seconds(1)
                }
            }
            // Nobody is told that it is held on: from here on somebody else may hold it.
            guard ContinuousClock.now < held.since + held.ttl else { return try await end(child, "it ran out") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func end(_ child: ChildProcess, _ reason: String) async throws -> Int32 {
        Console.fail("The lock is gone (\(reason)); ending the command")
        child.signal(.terminate)
        for _ in 0..<100 where child.exitCode() == nil { try await Task.sleep(for: .milliseconds(50)) }
        child.signal(.kill)
        while child.exitCode() == nil { try await Task.sleep(for: .milliseconds(10)) }
        return 1
    }

    private static var shell: String {
        let named = LocalEnvironment.variables["SHELL"] ?? ""
        return named.isEmpty ? "/bin/sh" : named
    }
}

/// A lock that is held.
private struct VariableUse {
    let path: String
    let id: ID
    let ttl: Duration
    /// When the request was sent that was last granted: the servers count from later.
    var since: ContinuousClock.Instant

    /// Seven tenths of the TTL after it was granted.
    var nextRenewal: ContinuousClock.Instant { since + ttl * 7 / 10 }
}
