package import Basics

/// What a certificate is wanted for.
package struct CertificateWish: Sendable {
    /// Who shows the certificate: the first part of its name.
    package enum Role: String, Sendable, CaseIterable {
        case server
        case client
        /// A person at the command line, for an HTTP API that asks for certificates.
        case cli
    }

    package var role: Role
    package var region: String
    /// The last part of the name; agents accept `nomad` and `drover`.
    package var domain: String
    /// Further DNS names.
    package var names: [String] = []
    /// Further IP addresses, as text.
    package var addresses: [String] = []
    package var validFrom: Timestamp
    package var validUntil: Timestamp

    package init(
        _ role: Role, region: String = "global", domain: String = "nomad", validFrom: Timestamp, validUntil: Timestamp
    ) {
        self.role = role
        self.region = region
        self.domain = domain
        self.validFrom = validFrom
        self.validUntil = validUntil
    }

    /// Such as `server.global.nomad`.
    package var commonName: String { "\(role.rawValue).\(region).\(domain)" }

    /// Every DNS name, the common one first.
    var allNames: [String] {
        ([commonName, "localhost"] + names).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// Every address; agents answer on the loopback too, people at the command line nowhere.
    var allAddresses: [String] {
        ((role == .cli ? [] : ["127.0.0.1"]) + addresses).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}

/// Who a certificate authority is, as its certificate says.
package struct AuthorityName: Sendable {
    package var commonName = "Drover Agent CA"
    package var country = ""
    package var postalCode = ""
    package var province = ""
    package var locality = ""
    package var streetAddress = ""
    package var organization = ""
    package var organizationalUnit = ""

    package init() {}
}

/// Why a certificate cannot be made or read.
package struct CertificateError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
