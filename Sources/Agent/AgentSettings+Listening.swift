internal import Basics
internal import Glibc
internal import Linux

extension AgentSettings {
    /// Looks whether the agent can listen where it is to, before anything else is started.
    ///
    /// - Throws: ``AgentError`` naming what listens, the address, why not, and the keys to change.
    func checkAddresses() throws {
        for address in httpAddresses { try AgentSettings.check(address, for: "serve the HTTP API", key: "http") }
        guard server != nil else { return }
        try AgentSettings.check(rpcAddress, for: "serve RPC", key: "rpc")
        try AgentSettings.check(serfAddress, for: "gossip", key: "serf")
    }

    private static func check(_ address: NetworkAddress, for purpose: String, key: String) throws {
        do {
            try ListenTest.run(address)
        } catch {
            let reason =
                switch error.errno {
                case EADDRINUSE:
                    "port \(address.port) is in use, perhaps by another agent; stop that one, or set ports.\(key)"
                case EADDRNOTAVAIL:
                    "no network interface of this machine has the address; check bind_addr and addresses.\(key)"
                case EACCES: "permission denied; ports below 1024 need privileges: set ports.\(key)"
                default: "\(error.reason); check bind_addr, addresses.\(key) and ports.\(key)"
                }
            throw AgentError("cannot \(purpose) at \(address): \(reason)")
        }
    }
}
