import Basics
import PluginHost
import PluginHostTestSupport
import Testing

/// Every plug-in library that was built beside the tests loads, wherever it runs, and its faces answer.
@Suite struct BuiltLibraryTests {
    private static let libraries = PluginBuilder.builtLibraries

    @Test(
        .enabled(if: !libraries.isEmpty, "needs libdrover-*.so beside the tests"),
        arguments: [PluginIsolation.process, .agent])
    func loadsAndAnswers(isolation: PluginIsolation) async throws {
        let libraries = BuiltLibraryTests.libraries.map {
            (library: $0, name: String($0.split(separator: "/").last ?? ""))
        }
        let configure: (inout PluginHostConfiguration) -> Void = { configuration in
            for (library, _) in libraries {
                if let manifest = try? Manifest(library: library) {
                    isolated(isolation, manifest.name)(&configuration)
                }
            }
        }
        try await withHost(libraries, configure: configure) { host, _ in
            for status in host.status {
                #expect(status.state == "running", "\(status.name): \(status.reason)")
                #expect((status.pid > 0) == (isolation == .process))
            }
            for name in host.driverNames {
                let driver = try #require(host.driver(named: name))
                #expect(try await driver.fingerprint().health != .unhealthy)
            }
            for fingerprinter in host.fingerprinters {
                let found = try await fingerprinter.probe(KnownMachine())
                #expect(!found.attributes.isEmpty)
            }
        }
    }
}
