internal import Basics
internal import Glibc

/// What an agent prints when it starts, as scripts and people know it (SURFACE §3.1).
struct Banner {
    private let settings: AgentSettings

    init(_ settings: AgentSettings) { self.settings = settings }

    func printHead() {
        let rows = [
            ("Advertise Addrs", "HTTP: \(settings.httpAdvertised); RPC: \(settings.rpcAdvertised)"),
            (
                "Bind Addrs",
                "HTTP: [\(settings.httpAddresses.map(\.description).joined(separator: " "))]; RPC: \(settings.rpcAddress)"
            ),
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

    func printStarted(_ addresses: [String]) {
        write("==> Drover agent started! Log data will stream in below:\n\n")
        write("    HTTP API: \(addresses.joined(separator: " "))\n\n")
    }

    private func write(_ text: String) { LogOutput.writeAll(Array(text.utf8), to: STDOUT_FILENO) }
}
