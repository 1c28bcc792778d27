internal import Foundation
internal import Glibc

/// A stock `serf agent` in a process of its own; killed at the end.
package final class SerfAgent: @unchecked Sendable {
    package let address: String
    private let rpcPort: Int
    private let process = Process()

    /// serf on the path, or taken out of Debian's package without installing it; nil when neither is to be had.
    package static let program: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let installed = folders.map { "\($0)/serf" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        if let installed { return installed }
        let cache = NSTemporaryDirectory() + "drover-serf-\(getuid())"
        let unpacked = cache + "/usr/bin/serf"
        if FileManager.default.isExecutableFile(atPath: unpacked) { return unpacked }
        try? FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: true)
        let script =
            "cd '\(cache)' && { apt-get download serf || { apt-get update && apt-get download serf; }; } && dpkg -x serf_*.deb ."
        _ = try? output(of: "/bin/sh", ["-c", script])
        return FileManager.default.isExecutableFile(atPath: unpacked) ? unpacked : nil
    }()

    package init(_ name: String, tags: [String: String] = [:], _ options: [String] = []) throws {
        let port = try freePort()
        address = "127.0.0.1:\(port)"
        rpcPort = try freePort()
        process.executableURL = URL(fileURLWithPath: SerfAgent.program ?? "serf")
        process.arguments =
            ["agent", "-node=\(name)", "-bind=\(address)", "-rpc-addr=127.0.0.1:\(rpcPort)"]
            + tags.flatMap { ["-tag", "\($0.key)=\($0.value)"] } + options
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit { kill() }

    /// SIGKILL: no word to anybody.
    package func kill() {
        guard process.isRunning else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// What `serf <arguments>` says to this agent.
    package func run(_ command: String, _ arguments: String...) throws -> String {
        try SerfAgent.output(
            of: SerfAgent.program ?? "serf", [command, "-rpc-addr=127.0.0.1:\(rpcPort)"] + arguments)
    }

    /// What it lists, as `name:status`, in order of name.
    package func members() throws -> [String] { try listing().map { "\($0.name):\($0.status)" }.sorted() }

    package func tags(of name: String) throws -> [String: String]? { try listing().first { $0.name == name }?.tags }

    private struct Listing: Decodable {
        var members: [Entry]
    }

    private struct Entry: Decodable {
        var name: String
        var status: String
        var tags: [String: String]?
    }

    private func listing() throws -> [Entry] {
        // Empty until the agent listens.
        let text = try run("members", "-format=json")
        return (try? JSONDecoder().decode(Listing.self, from: Data(text.utf8)))?.members ?? []
    }

    private static func output(of program: String, _ arguments: [String]) throws -> String {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
