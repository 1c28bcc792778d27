/// Looks at the machine: the face of `drover.fingerprint/1`.
package protocol Fingerprinter: Sendable {
    /// Fingerprinters are merged in byte order of their names, later wins.
    var name: String { get }

    /// One look, at what a client knows so far.
    /// - Throws: ``PluginError``; the last answer stays, ask again after 30 s.
    func probe(_ known: KnownMachine) async throws -> MachineFingerprint
}

/// The fingerprinters of this agent.
package protocol FingerprinterRegistry: Sendable {
    /// In byte order of their names.
    var fingerprinters: [any Fingerprinter] { get }

    /// Names of fingerprinters and device plug-ins to ask again now: they said so, or were loaded. The newest 256 unread ones
    /// are kept.
    func fingerprintChanges() -> AsyncStream<String>
}

/// What fingerprinters are told.
package struct KnownMachine: Sendable, Equatable {
    /// Merged so far.
    package var attributes: [String: String] = [:]
    /// The client's.
    package var options: [String: String] = [:]
    /// Where allocations live.
    package var dataFolder = ""
    /// Further folders whose storage counts, by what they are for: "state", "volume.NAME".
    package var folders: [String: String] = [:]

    package init() {}
}

/// What a fingerprinter found; replaces its last answer as a whole.
package struct MachineFingerprint: Sendable, Equatable {
    package var attributes: [String: String] = [:]
    package var links: [String: String] = [:]
    package var resources = Resources()
    /// When to ask again; zero: only when it says so.
    package var period: Duration = .zero

    package init() {}

    /// Nil and empty: nothing said.
    package struct Resources: Sendable, Equatable {
        package var cpuMHz: Int64?
        package var cores: [Core] = []
        package var memoryBytes: Int64?
        package var diskBytes: Int64?
        package var networks: [Network] = []

        package init() {}
    }

    package struct Core: Sendable, Equatable {
        package var id: Int
        package var mhz: Int64
        package var numa: Int
        /// "performance" or "efficiency".
        package var grade: String

        package init(id: Int, mhz: Int64, numa: Int, grade: String) {
            self.id = id
            self.mhz = mhz
            self.numa = numa
            self.grade = grade
        }
    }

    package struct Network: Sendable, Equatable {
        package var device = ""
        package var mode = "host"
        package var ip = ""
        package var cidr = ""
        package var mbits: Int64 = 0
        /// The hardware address, such as "52:54:00:12:34:56"; empty when there is none.
        package var mac = ""
        /// Address and family, "ipv4" or "ipv6".
        package var addresses: [Address] = []

        package init() {}
    }

    package struct Address: Sendable, Equatable {
        package var ip: String
        package var family: String

        package init(ip: String, family: String) {
            self.ip = ip
            self.family = family
        }
    }
}
