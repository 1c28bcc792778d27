package import Basics

/// Network namespaces and CNI plug-ins, which the seam does not have. Every call blocks.
package protocol NetworkTools: Sendable {
    /// Whether this client may make networks.
    var isAble: Bool { get }

    /// Where the network of an allocation is held.
    func place(of allocation: ID) -> String

    /// Makes a network with nothing but its loopback, held at `path`.
    func make(at path: String) throws

    /// Holds the network that `source` stands for at `path`.
    func hold(_ source: String, at path: String) throws

    func isHeld(at path: String) -> Bool

    /// Lets go of what is held at `path`; nothing is fine.
    func release(_ path: String) throws

    /// Runs a program to its end. With `lock`, a file, no other program of that lock runs meanwhile.
    ///
    /// - Returns: nil when another one does still, such as one whose client was killed.
    func run(_ program: String, environment: [String], input: [UInt8], lock: String?) throws -> ProgramAnswer?

    /// The machine's `resolv.conf`, links followed.
    var resolverFile: String { get }

    /// Names of the programs in a folder, in byte order; none when there is no such folder.
    func programs(in folder: String) -> [String]
}

/// No networks: for simulated machines.
package struct NoNetworkTools: NetworkTools {
    package init() {}

    package var isAble: Bool { false }
    package func place(of allocation: ID) -> String { "" }
    package func make(at path: String) throws { throw CNIError("there are no networks here") }
    package func hold(_ source: String, at path: String) throws { try make(at: path) }
    package func isHeld(at path: String) -> Bool { false }
    package func release(_ path: String) throws {}
    package func run(_ program: String, environment: [String], input: [UInt8], lock: String?) throws -> ProgramAnswer? {
        throw CNIError("there are no programs here")
    }
    package var resolverFile: String { "/etc/resolv.conf" }
    package func programs(in folder: String) -> [String] { [] }
}
