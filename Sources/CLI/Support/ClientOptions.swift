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
            "The agent: http://host:port or unix:///path.", discussion: "Also DROVER_ADDR or NOMAD_ADDR.",
            valueName: "address"))
    var address: String?

    @Option(name: .go("region"), help: ArgumentHelp("The region asked, forwarded by the agent.", valueName: "name"))
    var region: String?

    @Option(name: .go("namespace"), help: ArgumentHelp("The namespace asked; * is all on lists.", valueName: "name"))
    var namespace: String?

    @Option(name: .go("token"), help: ArgumentHelp("The secret of an ACL token.", valueName: "secret"))
    var token: String?

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
        return client
    }

    var paint: Paint { Paint(isOn: forceColor || (!noColor && LocalEnvironment.showsColors)) }
}
