package import ArgumentParser
internal import Basics
internal import Certificates

package struct TLSCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tls", abstract: "Make and read certificates for a cluster's TLS.",
        discussion: """
            One CA signs the certificates of all agents of a cluster; everything happens on this machine:

              drover tls ca create
              drover tls cert create -server -region global
              drover tls cert create -client
              drover tls cert create -cli
            """,
        subcommands: [TLSAuthorityCommand.self, TLSCertificateCommand.self])

    package init() {}
}

package struct TLSAuthorityCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "Certificate authorities.",
        subcommands: [TLSAuthorityCreateCommand.self, TLSAuthorityInfoCommand.self])

    package init() {}
}

package struct TLSCertificateCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "Certificates of agents and people.",
        subcommands: [TLSCertificateCreateCommand.self, TLSCertificateInfoCommand.self])

    package init() {}
}

package struct TLSAuthorityCreateCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a CA: <domain>-agent-ca.pem and its key in the working folder.")

    @Option(name: .go("domain"), help: ArgumentHelp("Last part of the names it signs.", valueName: "name"))
    var domain = "nomad"

    @Option(name: .go("days"), help: ArgumentHelp("How long it is valid.", valueName: "count"))
    var days = 1825

    @Flag(name: .go("name-constraint"), help: "Let it sign for -domain, -additional-domain and localhost only.")
    var nameConstraint = false

    @Option(
        name: .go("additional-domain"),
        help: ArgumentHelp("With -name-constraint, a further domain; may be repeated.", valueName: "name"))
    var additionalDomains: [String] = []

    @Option(name: .go("common-name"), help: ArgumentHelp("The CA's name.", valueName: "text"))
    var commonName = "Drover Agent CA"

    @Option(name: .go("country"), help: ArgumentHelp("Two letters.", valueName: "code"))
    var country = ""

    @Option(name: .go("postal-code"))
    var postalCode = ""

    @Option(name: .go("province"))
    var province = ""

    @Option(name: .go("locality"))
    var locality = ""

    @Option(name: .go("street-address"))
    var streetAddress = ""

    @Option(name: .go("organization"))
    var organization = ""

    @Option(name: .go("organizational-unit"))
    var organizationalUnit = ""

    package init() {}

    package func run() throws {
        var name = AuthorityName()
        name.commonName = commonName
        name.country = country
        name.postalCode = postalCode
        name.province = province
        name.locality = locality
        name.streetAddress = streetAddress
        name.organization = organization
        name.organizationalUnit = organizationalUnit
        guard additionalDomains.isEmpty || nameConstraint else {
            throw CommandError("-additional-domain has no effect without -name-constraint")
        }
        let validity = try CertificateFiles.validity(days: days)
        let authority = try CertificateAuthority(
            name, nameConstraints: nameConstraint ? [domain, "localhost"] + additionalDomains : [],
            validFrom: validity.from, validUntil: validity.until)
        try CertificateFiles.save(authority.files, "\(domain)-agent-ca", what: "CA certificate")
    }
}

package struct TLSAuthorityInfoCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what a CA's certificate says.")

    @Argument(help: ArgumentHelp("The certificate; default: nomad-agent-ca.pem.", valueName: "path"))
    var path = "nomad-agent-ca.pem"

    package init() {}

    package func run() throws {
        let summary = try CertificateFiles.summary(path)
        guard summary.isAuthority else {
            throw CommandError("\(path) is no CA's certificate; show it with \"tls cert info\"")
        }
        Console.write(CertificateOutput.text(summary))
    }
}

package struct TLSCertificateCreateCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a certificate: <region>-<role>-<domain>.pem and its key in the working folder.",
        discussion: """
            A server's certificate lets its holder become a server of the region and read all of its state: keep its key as \
            well as the CA's, and on servers only.
            """)

    @Flag(name: .go("server"), help: "For a server, or an agent that is server and client.")
    var server = false

    @Flag(name: .go("client"), help: "For a client.")
    var client = false

    @Flag(name: .go("cli"), help: "For a person, where the HTTP API asks for certificates.")
    var cli = false

    @Option(
        name: .go("region"),
        help: ArgumentHelp(
            "The region it is for.", discussion: "Also DROVER_REGION or NOMAD_REGION; default: global.",
            valueName: "name"))
    var region: String?

    @Option(name: .go("domain"), help: ArgumentHelp("Last part of the name.", valueName: "name"))
    var domain = "nomad"

    @Option(name: .go("ca"), help: ArgumentHelp("The CA; default: <domain>-agent-ca.pem.", valueName: "path"))
    var authority: String?

    @Option(name: .go("key"), help: ArgumentHelp("Its key; default: <domain>-agent-ca-key.pem.", valueName: "path"))
    var key: String?

    @Option(name: .go("days"), help: ArgumentHelp("How long it is valid.", valueName: "count"))
    var days = 365

    @Option(
        name: .go("additional-dnsname"),
        help: ArgumentHelp("A further DNS name; localhost is there. May be repeated.", valueName: "name"))
    var names: [String] = []

    @Option(
        name: .go("additional-ipaddress"),
        help: ArgumentHelp("A further IP address; 127.0.0.1 is there. May be repeated.", valueName: "address"))
    var addresses: [String] = []

    package init() {}

    package func run() throws {
        let roles = [(server, CertificateWish.Role.server), (client, .client), (cli, .cli)].filter(\.0).map(\.1)
        guard let role = roles.first, roles.count == 1 else {
            throw CommandError("Say who it is for: one of -server, -client and -cli")
        }
        let variables = LocalEnvironment.variables
        let given = [region, variables["DROVER_REGION"], variables["NOMAD_REGION"]].compactMap(\.self)
        let validity = try CertificateFiles.validity(days: days)
        var wish = CertificateWish(
            role, region: given.first { !$0.isEmpty } ?? "global", domain: domain, validFrom: validity.from,
            validUntil: validity.until)
        wish.names = names
        wish.addresses = addresses
        let signer = try CertificateAuthority(
            certificate: try CertificateFiles.text(authority ?? "\(domain)-agent-ca.pem"),
            key: try CertificateFiles.text(key ?? "\(domain)-agent-ca-key.pem"))
        let name = "\(wish.region)-\(role.rawValue)-\(domain)"
        try CertificateFiles.save(signer.issue(wish), name, what: "Certificate \(wish.commonName)")
    }
}

package struct TLSCertificateInfoCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what a certificate says.")

    @Argument(help: ArgumentHelp("The certificate.", valueName: "path"))
    var path: String

    package init() {}

    package func run() throws { Console.write(CertificateOutput.text(try CertificateFiles.summary(path))) }
}

/// The files of certificates and keys.
private enum CertificateFiles {
    /// From a minute ago, as clocks differ.
    static func validity(days: Int) throws(CommandError) -> (from: Timestamp, until: Timestamp) {
        guard (1...36_500).contains(days) else { throw CommandError("-days \(days): give 1 to 36500") }
        let now = LocalEnvironment.now
        return (now + .seconds(-60), now + .seconds(86_400 * Int64(days)))
    }

    static func text(_ path: String) throws(CommandError) -> String {
        String(decoding: try LocalFile.read(path), as: UTF8.self)
    }

    static func summary(_ path: String) throws -> CertificateSummary {
        do {
            return try CertificateSummary(pem: try text(path))
        } catch let error as CertificateError {
            throw CommandError("\(path): \(error)")
        }
    }

    /// Writes `<name>.pem` and, for its owner alone, `<name>-key.pem`; neither may exist.
    static func save(_ files: CertificateAuthority.Files, _ name: String, what: String) throws(CommandError) {
        let (certificate, key) = ("\(name).pem", "\(name)-key.pem")
        guard !LocalFile.exists(certificate), !LocalFile.exists(key) else {
            throw CommandError("\(certificate) or \(key) exists; move them away first")
        }
        try LocalFile.create(key, files.key, what: "Key", mode: 0o600)
        try LocalFile.create(certificate, files.certificate, what: what)
        Console.write("==> \(what) saved to \(certificate)")
        Console.write("==> Its key saved to \(key)")
    }
}
