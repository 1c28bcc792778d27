/// `drover.fingerprint/1`: what a machine is and has.
public protocol Fingerprinter: Sendable {
    /// Looks at the machine; `known` is what the host knows so far (`drover/fingerprint.h`). Never called twice at once.
    func probe(known: JSON) throws -> Fingerprint
}

/// The answer of a ``Fingerprinter``.
public struct Fingerprint: Sendable, Equatable {
    /// Numbers and truth values as text; "unique." names do not enter the node's class.
    public var attributes: [String: String] = [:]
    public var links: [String: String] = [:]
    /// "cpu_mhz", "cores", "memory_bytes", "disk_bytes", "networks", as the header lists them.
    public var resources: [String: JSON] = [:]
    /// When to ask again; 0: only when the plug-in says so.
    public var periodNanoseconds: Int64 = 0

    public init() {}

    public var json: JSON {
        [
            "attributes": .object(attributes.mapValues(JSON.string)), "links": .object(links.mapValues(JSON.string)),
            "resources": .object(resources), "period_ns": .integer(periodNanoseconds),
        ]
    }
}

/// `drover.device/1`: devices that tasks can be given. Documents as in `drover/device.h`.
public protocol DeviceProvider: Sendable {
    func probe() throws -> JSON
    func reserve(_ request: JSON) throws -> JSON
    func stats() throws -> JSON
}

/// `drover.selftest/1`: a plug-in's own tests.
public protocol SelfTest: Sendable {
    var names: [String] { get }
    /// - Throws: the reason of a failure; `unsupported` when this machine cannot run it.
    func run(_ name: String) throws
}

/// `drover.scheduler/1`: choosing nodes.
public protocol Scheduler: Sendable {
    /// The name operators select it by.
    var name: String { get }
    /// Of "service", "batch", "system", "sysbatch".
    var kinds: [String] { get }
    /// Writes records for every problem of `batch`; both blocks are borrowed for the call.
    func place(view: ClusterView, batch: ProblemBatch, into sink: Sink) throws
}
