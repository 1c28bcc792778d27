package import Basics
internal import Glibc
internal import Linux
internal import Logging
package import PluginHost
package import Testing

/// No network: plug-ins have none.
private struct NoNetwork: Network {
    func peer(at address: NetworkAddress) -> any Peer { NoPeer() }

    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws { throw CallError(.unavailable, "no network") }

    private struct NoPeer: Peer {
        func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
            throw CallError(.unavailable, "no network")
        }

        func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
            throw CallError(.unavailable, "no network")
        }
    }
}

/// Runs a plug-in host over the libraries given, and `body` beside it.
package func withHost(
    _ libraries: [(library: String, name: String)],
    configure: (inout PluginHostConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (PluginManager, Scratch) async throws -> Void
) async throws {
    let scratch = Scratch()
    for (library, name) in libraries { try scratch.add(library, as: name) }
    var configuration = PluginHostConfiguration(
        stockFolder: scratch.path + "/stock", pluginFolder: scratch.path + "/plugins",
        dataFolder: scratch.path + "/data", hostProgram: PluginBuilder.hostProgram)
    configuration.restartDelay = .milliseconds(10)
    configuration.hangGrace = .milliseconds(100)
    configure(&configuration)
    let host = PluginManager(
        seam: .system(network: NoNetwork()), configuration: configuration,
        log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await host.run() }
        await host.start()
        do {
            try await body(host, scratch)
        } catch {
            group.cancelAll()
            throw error
        }
        group.cancelAll()
    }
}

/// Both ways to run a plug-in, as configuration of the plug-in `name`.
package func isolated(
    _ isolation: PluginIsolation, _ name: String, config: JSON = .object([])
) -> (
    inout PluginHostConfiguration
) -> Void {
    { configuration in
        var plugin = PluginHostConfiguration.Plugin()
        plugin.isolation = isolation
        plugin.config = config
        configuration.plugins[name] = plugin
    }
}

/// Waits until `condition` holds; ten seconds at most.
package func eventually(_ what: Comment, _ condition: () async throws -> Bool) async throws {
    for _ in 0..<1_000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("not within ten seconds: \(what)")
}

/// Waits until `condition` holds, and says whether it does; the limit only ends a test that would otherwise hang.
package func eventually(seconds: Int = 15, _ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<seconds * 100 {
        if condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// Ends a process with SIGKILL. 0, as a plug-in that is not running has for its pid, would mean this process's own group.
package func killProcess(_ pid: Int32) throws {
    try #require(pid > 1, "there is no such process to kill")
    kill(pid, SIGKILL)
}

/// Whether a process exists and is more than a zombie.
package func isAlive(_ pid: Int32) -> Bool { ProcessIdentity(pid: pid)?.isAlive ?? false }

/// The error that `body` throws.
package func pluginError(_ body: () async throws -> some Any) async -> PluginError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PluginError ?? PluginError(.internal, "\(error)")
    }
}
