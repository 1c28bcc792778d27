package import Connections

/// Mutual TLS: both ends show a certificate of one authority and, if wanted, are checked for role and region.
package struct TransportSecurity: Sendable {
    package var source: TLSSource
    /// The region whose agents are called and let in, by the names in their certificates, beside servers of other regions, which
    /// pass calls on; nil lets in whoever has a certificate of the authority (`verify_server_hostname`).
    package var region: String?
    /// Take plain connections too, and try plain ones where TLS fails: for the time in which a cluster changes over
    /// (`rpc_upgrade_mode`).
    package var allowsPlain = false

    package init(source: TLSSource, region: String? = nil, allowsPlain: Bool = false) {
        self.source = source
        self.region = region
        self.allowsPlain = allowsPlain
    }

    /// Why a server with these names in its certificate is not called, if it is not.
    func refusalOfServer(_ names: [String]) -> String? {
        refusal(names, roles: ["server"], whose: "the server's")
    }

    /// Why a caller with these names in its certificate, which says it is a `role`, is not let in, if it is not.
    ///
    /// A server may call as a client, for one agent can be both.
    func refusalOfCaller(_ names: [String], role: TransportRole) -> String? {
        switch role {
        case .server:
            servedRegion(names) != nil
                ? nil : refusal(names, roles: ["server"], whose: "the caller says it is a server; its")
        case .client: refusal(names, roles: ["client", "server"], whose: "the caller says it is a client; its")
        case .tool: refusal(names, roles: ["cli", "client", "server"], whose: "the caller's")
        }
    }

    /// The region of which a certificate with these names makes a server, this one's before others; nil when it makes none, or
    /// regions do not matter.
    private func servedRegion(_ names: [String]) -> String? {
        guard let region else { return nil }
        let regions = names.compactMap { name -> String? in
            let parts = name.split(separator: ".")
            guard parts.count == 3, parts[0] == "server", Self.domains.contains(String(parts[2])) else { return nil }
            return String(parts[1])
        }
        return regions.contains(region) ? region : regions.first
    }

    /// The region of a caller that was let in; nil when regions do not matter.
    func region(of names: [String]) -> String? { region == nil ? nil : servedRegion(names) ?? region }

    /// The same towards a server of `other`.
    func towards(_ other: String) -> TransportSecurity {
        var security = self
        if region != nil { security.region = other }
        return security
    }

    private func refusal(_ names: [String], roles: [String], whose: String) -> String? {
        guard let region else { return nil }
        let wanted = roles.flatMap { role in Self.domains.map { "\(role).\(region).\($0)" } }
        guard !names.contains(where: wanted.contains) else { return nil }
        return "\(whose) certificate is for \(names.isEmpty ? "no name" : names.joined(separator: ", ")), not for "
            + roles.map { "\($0).\(region).\(Self.domains[0])" }.joined(separator: " or ") + ": wrong region or role?"
    }

    /// The last part of a name in a certificate.
    private static let domains = ["nomad", "drover"]
}
