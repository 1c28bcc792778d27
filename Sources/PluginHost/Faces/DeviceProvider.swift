package import Basics

/// Devices that tasks can be given: the face of `drover.device/1`. Documents are those of device.h.
package protocol DeviceProvider: Sendable {
    var name: String { get }

    /// `{"groups": [...], "period_ns"}`.
    func probe() async throws -> JSON

    /// How a task uses what it was given: `{"env", "mounts", "devices"}`.
    func reserve(_ request: JSON) async throws -> JSON

    func stats() async throws -> JSON
}

/// The device plug-ins of this agent.
package protocol DeviceRegistry: Sendable {
    /// In byte order of their names.
    var deviceProviders: [any DeviceProvider] { get }
}
