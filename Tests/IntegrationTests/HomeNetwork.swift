import Foundation
import TestSupport

/// A network behind a router that translates addresses (NAT), as at home: who is in it reaches the test and its servers, and
/// nobody reaches it.
///
///     test, servers ── veth ── router: masquerade ── veth ── home
///      198.19.n.126      198.19.n.1 │ 198.19.n.129        198.19.n.130
///
/// The test has a route to the home: whoever dials in gets as far as the router, which counts and drops it.
final class HomeNetwork {
    /// What keeps such a network from being made here; nil when nothing does.
    static let obstacle: String? = {
        guard NetworkSpace.isPossible else { return "needs root and network namespaces (ip netns, of iproute2)" }
        // In a network namespace of its own, which is gone with the command.
        let trial = "unshare --net iptables -t nat -A POSTROUTING -j MASQUERADE"
        return (try? NetworkSpace.run(trial)) == nil ? "needs iptables and a kernel that translates addresses" : nil
    }()

    /// Where servers listen, and a client at home.
    let outside: String
    let inside: String
    private let name: String
    private var spaces: [String] { ["router", "home"].map { "\(name)-\($0)" } }

    init() throws {
        // Networks of 198.18.0.0/15, which are set aside for tests (RFC 2544).
        let number = Int(getpid()) % 250
        let network = "198.19.\(number)"
        (outside, inside) = ("\(network).126", "\(network).130")
        name = "drover-nat-\(number)"
        remove()
        let (router, home) = (spaces[0], spaces[1])
        for line in [
            "ip netns add \(router)", "ip netns add \(home)",
            "ip link add drn\(number) type veth peer name wan netns \(router)",
            "ip addr add \(outside)/25 dev drn\(number)", "ip link set drn\(number) up",
            "ip -n \(router) addr add \(network).1/25 dev wan", "ip -n \(router) link set wan up",
            "ip -n \(router) link add lan type veth peer name eth0 netns \(home)",
            "ip -n \(router) addr add \(network).129/25 dev lan", "ip -n \(router) link set lan up",
            "ip -n \(home) addr add \(inside)/25 dev eth0", "ip -n \(home) link set eth0 up",
            "ip -n \(home) link set lo up", "ip -n \(home) route add default via \(network).129",
            "ip route add \(network).128/25 via \(network).1",
            "ip netns exec \(router) sysctl -qw net.ipv4.ip_forward=1",
        ] { try NetworkSpace.run(line) }
        try filter("-t nat -A POSTROUTING -o wan -j MASQUERADE")
        // Both ways in: to the home, and to the router itself, whose address is the one servers see.
        for chain in ["FORWARD", "INPUT"] {
            try filter("-A \(chain) -i wan -p tcp --syn -j DROP")
        }
    }

    deinit { remove() }

    /// With a namespace go its ends of the cables, with these the other ends, and with those the route.
    private func remove() { for space in spaces { _ = try? NetworkSpace.run("ip netns del \(space)") } }

    @discardableResult
    private func filter(_ rule: String) throws -> String {
        try NetworkSpace.run("ip netns exec \(spaces[0]) iptables \(rule)")
    }

    /// What runs a program at home. Not `ip netns exec`, which gives it another /sys, without control groups.
    var launcher: [String] { ["/usr/bin/env", "nsenter", "--net=/run/netns/\(spaces[1])"] }

    /// How often somebody outside has tried to connect to somebody inside.
    func attempts() throws -> Int {
        try ["FORWARD", "INPUT"].reduce(0) { sum, chain in
            let rules = try filter("-L \(chain) -n -v -x").split(separator: "\n")
            let packets = rules.filter { $0.contains("DROP") && $0.contains("wan") }.compactMap {
                $0.split(separator: " ").first.flatMap { Int($0) }
            }
            guard packets.count == 1 else { throw NeverHappened(description: "\(chain): \(rules)") }
            return sum + packets[0]
        }
    }
}
