internal import Basics
internal import Glibc

/// What an agent prints when it starts, as scripts and people know it (SURFACE §3.1).
struct Banner {
    private let settings: AgentSettings

    init(_ settings: AgentSettings) { self.settings = settings }

    func printHead() {
        let http = settings.httpAddresses.map(\.description).joined(separator: " ")
        let rows = [
            (
                "Advertise Addrs",
                "HTTP: \(settings.httpAdvertised); RPC: \(settings.rpcAdvertised)" + serf(settings.serfAdvertised)
            ),
            ("Bind Addrs", "HTTP: [\(http)]; RPC: \(settings.rpcAddress)" + serf(settings.serfAddress)),
            ("Client", "\(settings.client != nil)"), ("Data Dir", settings.dataFolder),
            ("Log Level", "\(settings.logLevel)".uppercased()), ("Node", settings.name),
            ("Region", "\(settings.region) (DC: \(settings.datacenter))"), ("Server", "\(settings.server != nil)"),
            ("Version", Version.text),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        write("==> Drover agent configuration:\n\n")
        for (name, value) in rows {
            write(String(repeating: " ", count: 7 + width - name.count) + "\(name): \(value)\n")
        }
        write("\n")
    }

    /// Only servers gossip.
    private func serf(_ address: NetworkAddress) -> String { settings.server == nil ? "" : "; Serf: \(address)" }

    func printStarted(_ addresses: [String]) {
        write("==> Drover agent started! Log data will stream in below:\n\n")
        write("    HTTP API: \(addresses.joined(separator: " "))\n\n")
    }

    private func write(_ text: String) { LogOutput.writeAll(Array(text.utf8), to: STDOUT_FILENO) }
}
