import DroverSDK
import Glibc
import PluginSupport
import Testing

@testable import HostFingerprintPlugin

/// A machine made of files.
enum FakeMachine {
    /// Makes `files` (text by path) below a folder that lasts for `body`.
    static func with<Result>(
        _ files: [String: String], _ system: any SystemCalls = FakeSystem(), _ body: (Machine) throws -> Result
    ) throws -> Result {
        let root = try #require(mkdtemp(strdup("/tmp/drover-host-XXXXXX")).map { String(cString: $0) })
        defer { remove(root) }
        for (path, text) in files { try write(text, root, path) }
        return try body(Machine(root: root, system: system))
    }

    static func write(_ text: String, _ root: String, _ path: String) throws {
        var folder = root
        for part in path.split(separator: "/").dropLast() {
            folder += "/" + part
            mkdir(folder, 0o755)
        }
        let file = try #require(fopen(root + path, "w"))
        fputs(text, file)
        fclose(file)
    }

    /// Files first, then their folder; `remove` deletes either.
    static func remove(_ path: String) {
        for name in SmallFile.names(in: path) { remove("\(path)/\(name)") }
        _ = Glibc.remove(path)
    }
}

struct FakeSystem: SystemCalls {
    var nvidia: NvidiaSession?
    var free: UInt64 = 400

    func kernel() -> (release: String, machine: String) { ("6.1.0", "aarch64") }
    func hostname() -> String { "node-7" }
    func storage(_ path: String) -> (total: UInt64, free: UInt64)? { path == "/absent" ? nil : (1000, free) }
    func landlockVersion() -> Int? { 5 }
    func nvidiaGPUs() -> NvidiaReport? { nvidia?.report() }
    func nvidiaUse() -> [NvidiaUse] { nvidia?.use() ?? [] }

    func addresses() -> [InterfaceAddress] {
        let list: [(String, String, Int, Bool)] = [
            ("lo", "127.0.0.1", 8, false), ("eth0", "192.168.0.5", 24, false), ("eth1", "fe80::1", 64, true),
            ("eth1", "fd00::9", 64, true), ("eth1", "10.0.1.9", 24, false),
        ]
        return list.map {
            InterfaceAddress(
                interface: $0.0, ip: $0.1, prefixLength: $0.2, isIPv6: $0.3, isUp: true, isLoopback: $0.0 == "lo")
        }
    }
}
