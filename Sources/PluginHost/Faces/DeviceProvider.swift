package import Basics

/// Devices that tasks can be given: the face of `drover.device/1`. Documents are those of device.h.
package protocol DeviceProvider: Sendable {
    var name: String { get }

    /// One look.
    /// - Throws: ``PluginError``; the last answer stays, ask again after 30 s.
    func probe() async throws -> DeviceFingerprint

    /// How a task uses what it was given. `request` is `{"task_id", "instances": [{"id", "share_milli"}]}`.
    func reserve(_ request: JSON) async throws -> DeviceReservation

    /// `{"groups": [...]}`, what each instance does now.
    func stats() async throws -> JSON
}

/// The device plug-ins of this agent.
package protocol DeviceRegistry: Sendable {
    /// In byte order of their names.
    var deviceProviders: [any DeviceProvider] { get }
}

/// The devices a plug-in found; replaces its last answer as a whole.
package struct DeviceFingerprint: Sendable, Equatable {
    package var groups: [Group] = []
    /// When to ask again; zero: only when it says so.
    package var period: Duration = .zero

    package init() {}

    /// Devices of one vendor, type and model.
    package struct Group: Sendable, Equatable {
        package var vendor: String
        package var type: String
        package var model: String
        /// Numbers, booleans, and texts with an optional unit, such as "16 GiB".
        package var attributes: [String: JSON] = [:]
        package var instances: [Instance] = []

        package init(vendor: String, type: String, model: String) {
            self.vendor = vendor
            self.type = type
            self.model = model
        }
    }

    package struct Instance: Sendable, Equatable {
        package var id: String
        package var isHealthy = true
        package var healthMessage = ""
        package var pciBusID = ""
        /// Its NUMA node; nil when the plug-in does not say.
        package var numa: Int?
        /// The smallest share that can be reserved, in thousandths; 1,000: only the whole.
        package var fractionMinMilli = 1_000

        package init(id: String) { self.id = id }
    }
}

/// How a task uses its devices.
package struct DeviceReservation: Sendable, Equatable {
    /// As the plug-in wrote it, for drivers.
    package var json: JSON
    /// Its "env": variables of the task.
    package var environment: [String: String]

    package init(json: JSON, environment: [String: String]) {
        self.json = json
        self.environment = environment
    }
}
