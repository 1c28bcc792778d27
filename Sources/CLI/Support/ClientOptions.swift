internal import APIClient
internal import ArgumentParser

extension NameSpecification {
    /// A long option with one dash, as Go programs have them.
    static func go(_ name: String) -> NameSpecification { [.customLong(name, withSingleDash: true)] }
}

/// Where the agent is and who asks: the options all commands have that speak to one.
struct ClientOptions: ParsableArguments {
    @Option(
        name: .go("address"),
        help: ArgumentHelp(
            "The agent: http://host:port, https://host:port or unix:///path.",
            discussion: "Also DROVER_ADDR or NOMAD_ADDR.",
            valueName: "address"))
    var address: String?

    @Option(name: .go("region"), help: ArgumentHelp("The region asked, forwarded by the agent.", valueName: "name"))
    var region: String?

    @Option(name: .go("namespace"), help: ArgumentHelp("The namespace asked; * is all on lists.", valueName: "name"))
    var namespace: String?

    @Option(name: .go("token"), help: ArgumentHelp("The secret of an ACL token.", valueName: "secret"))
    var token: String?

    @Option(
        name: .go("ca-cert"),
        help: ArgumentHelp("PEM file of the CA that signed an https agent's certificate.", valueName: "path"))
    var caCert: String?

    @Option(
        name: .go("ca-path"), help: ArgumentHelp("Folder of such files, .pem or .crt.", valueName: "path"))
    var caPath: String?

    @Option(
        name: .go("client-cert"),
        help: ArgumentHelp("PEM file of a certificate for agents that ask for one.", valueName: "path"))
    var clientCert: String?

    @Option(name: .go("client-key"), help: ArgumentHelp("PEM file of its key.", valueName: "path"))
    var clientKey: String?

    @Option(
        name: .go("tls-server-name"),
        help: ArgumentHelp("Name in the agent's certificate, if not the address's host.", valueName: "name"))
    var tlsServerName: String?

    @Flag(
        name: [.customLong("tls-skip-verify", withSingleDash: true), .customLong("insecure", withSingleDash: true)],
        help: "Believe any certificate of the agent; for trying out only.")
    var tlsSkipVerify = false

    @Flag(name: .go("no-color"), help: "Output without colors; it has none on pipes in any case.")
    var noColor = false

    @Flag(name: .go("force-color"), help: "Output with colors on pipes too.")
    var forceColor = false

    /// The client these options and the environment name.
    func client() throws -> DroverClient {
        var environment = LocalEnvironment.variables
        if let address { environment["DROVER_ADDR"] = address }
        var client = try DroverClient(environment: environment)
        if let region { client.region = region }
        if let namespace { client.namespace = namespace }
        if let token { client.token = token }
        if let caCert { client.tls.authorityFile = caCert }
        if let caPath { client.tls.authorityFolder = caPath }
        if let clientCert { client.tls.certificateFile = clientCert }
        if let clientKey { client.tls.keyFile = clientKey }
        if let tlsServerName { client.tls.serverName = tlsServerName }
        if tlsSkipVerify { client.tls.skipsVerification = true }
        return client
    }

    var paint: Paint { Paint(isOn: forceColor || (!noColor && LocalEnvironment.showsColors)) }
}
