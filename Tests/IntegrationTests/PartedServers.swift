import Basics
import Foundation
import PluginHostTestSupport
import TestSupport
import Testing

/// Real servers, each in a network namespace and with a clock of its own, that can be killed, stopped, parted and set wrong.
///
///     test ── veth ──┐
///     server 1 veth ─┤ bridge, in a namespace of its own
///     server 2 veth ─┘
///
/// A server is parted from another one by a route that drops what it sends there; the test reaches all of them all the time.
final class PartedServers {
    let all: [AgentProcess]
    let addresses: [String]
    private let name: String
    private let clockLibrary: String
    private var stopped: Set<Int> = []

    /// Starts `count` servers that look for each other.
    init(_ count: Int) throws {
        // A network of 198.18.0.0/15, which is set aside for tests (RFC 2544).
        let subnet = Int(getpid()) % 250
        let network = "198.18.\(subnet)"
        name = "drover-\(subnet)-\(count)"
        clockLibrary = try PluginBuilder.library("Tests/IntegrationTests/clock.c")
        addresses = (1...count).map { "\(network).\($0)" }
        all = try addresses.enumerated().map { number, address in
            try AgentProcess([
                "-server", "-bootstrap-expect", "\(count)", "-node", "s\(number + 1)", "-bind", address,
            ])
        }
        removeNetwork()
        try NetworkSpace.run("ip netns add \(name)-hub")
        try NetworkSpace.run("ip -n \(name)-hub link add bridge type bridge")
        try NetworkSpace.run("ip -n \(name)-hub link set bridge up")
        try plug("drv\(subnet)", nil, "\(network).254")
        for (number, address) in addresses.enumerated() {
            try NetworkSpace.run("ip netns add \(name)-\(number)")
            try NetworkSpace.run("ip -n \(name)-\(number) link set lo up")
            try plug("eth0", "\(name)-\(number)", address)
        }
        for number in all.indices { try start(number) }
    }

    deinit {
        for number in all.indices {
            resume(number)
            all[number].kill()
        }
        removeNetwork()
    }

    /// Puts a cable with this end in a namespace, or in the test's, and the other in the bridge.
    private func plug(_ device: String, _ namespace: String?, _ address: String) throws {
        let port = "port\(address.split(separator: ".").last ?? "")"
        let here = namespace.map { "-n \($0) " } ?? ""
        try NetworkSpace.run("ip \(here)link add \(device) type veth peer name \(port) netns \(name)-hub")
        try NetworkSpace.run("ip \(here)addr add \(address)/24 dev \(device)")
        try NetworkSpace.run("ip \(here)link set \(device) up")
        try NetworkSpace.run("ip -n \(name)-hub link set \(port) master bridge up")
    }

    /// With a namespace go its ends of the cables, and with these the other ends.
    private func removeNetwork() {
        for space in ["hub"] + all.indices.map(String.init) {
            _ = try? NetworkSpace.run("ip netns del \(name)-\(space)")
        }
    }

    var log: String { all.map { "\($0.log.suffix(2_000))" }.joined(separator: "\n---\n") }

    // MARK: - Faults

    func start(_ number: Int) throws {
        let join =
            all.indices.flatMap { ["-retry-join", "\(addresses[$0]):\(all[$0].serfPort)"] } + ["-retry-interval", "1s"]
        let clock = all[number].folder.path + "/clock"
        if !FileManager.default.fileExists(atPath: clock) { try setClock(number, ahead: 0) }
        try all[number].start(
            join, environment: ["LD_PRELOAD": clockLibrary, "CLOCK_FILE": clock],
            through: ["/usr/bin/env", "ip", "netns", "exec", "\(name)-\(number)"])
    }

    func kill(_ number: Int) {
        resume(number)
        all[number].kill()
    }

    func stop(_ number: Int) {
        all[number].signal(SIGSTOP)
        stopped.insert(number)
    }

    func resume(_ number: Int) {
        if stopped.remove(number) != nil { all[number].signal(SIGCONT) }
    }

    /// What one server sends to another is lost from now on.
    func cut(from sender: Int, to receiver: Int) throws {
        try NetworkSpace.run("ip -n \(name)-\(sender) route replace blackhole \(addresses[receiver])/32")
    }

    /// No server hears one of the other side.
    func part(_ some: Set<Int>) throws {
        for inner in some {
            for outer in all.indices where !some.contains(outer) {
                try cut(from: inner, to: outer)
                try cut(from: outer, to: inner)
            }
        }
    }

    func joinAll() {
        for sender in all.indices {
            for receiver in all.indices {
                _ = try? NetworkSpace.run("ip -n \(name)-\(sender) route del blackhole \(addresses[receiver])/32")
            }
        }
    }

    /// Sets a server's wall clock ahead of the machine's; it jumps if the server runs.
    func setClock(_ number: Int, ahead seconds: Int64) throws {
        let path = all[number].folder.path + "/clock"
        let bytes = withUnsafeBytes(of: seconds) { Data($0) }
        // In place: the server has mapped it.
        if let file = FileHandle(forWritingAtPath: path) {
            try file.write(contentsOf: bytes)
            try file.close()
        } else {
            try bytes.write(to: URL(fileURLWithPath: path))
        }
    }

    // MARK: - Asking

    func http(_ number: Int, timeout: Duration = .seconds(2)) -> HTTPConnection {
        HTTPConnection(port: all[number].httpPort, host: addresses[number], timeout: timeout, repeats: false)
    }

    /// Waits until one of these servers leads, says the RPC address of that one, and takes writes; which one it is.
    @discardableResult
    func waitForLeader(among numbers: [Int]? = nil, seconds: Double = 30) throws -> Int {
        let numbers = numbers ?? Array(all.indices)
        var found: Int?
        try eventually("a server leads", seconds: seconds, details: { self.log }) {
            for number in numbers where self.all[number].pid > 0 {
                let http = self.http(number)
                guard let leader = try? http.getJSON("/v1/status/leader").string,
                    let position = self.addresses.firstIndex(where: { leader.hasPrefix("\($0):") }),
                    numbers.contains(position), (try? http.get("/v1/vars"))?.status == 200
                else { continue }
                found = position
                return true
            }
            return false
        }
        return found ?? 0
    }

    /// Waits until every server knows all of them as voters.
    func waitUntilFormed() throws {
        for number in all.indices {
            try eventually("\(all.count) voters", seconds: 60, details: { self.log }) {
                (try? self.http(number).getJSON("/v1/status/peers").array?.count) == self.all.count
            }
        }
    }
}
