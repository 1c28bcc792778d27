import Basics
import PluginHost
import Synchronization

/// A device plug-in with two units of one model; a test takes them away and makes them ill.
final class FakeDevices: DeviceProvider {
    let name = "fakes"
    let changes = AsyncStream<String>.makeStream()
    private let state: Mutex<State>

    struct State {
        var instances: [DeviceFingerprint.Instance] = []
        var reserveError: PluginError?
        var probeError: PluginError?
        var requests: [JSON] = []
    }

    init() {
        var first = DeviceFingerprint.Instance(id: "u1")
        (first.pciBusID, first.numa, first.fractionMinMilli) = ("0000:01:00.0", 1, 250)
        let second = DeviceFingerprint.Instance(id: "u2")
        state = Mutex(State(instances: [first, second]))
    }

    /// Changes what the plug-in knows, and says so.
    func change(_ change: (inout State) -> Void) {
        state.withLock { change(&$0) }
        changes.continuation.yield(name)
    }

    var requests: [JSON] { state.withLock { $0.requests } }

    func probe() async throws -> DeviceFingerprint {
        try state.withLock { state in
            if let error = state.probeError { throw error }
            var group = DeviceFingerprint.Group(vendor: "acme", type: "gpu", model: "A1")
            group.attributes = ["memory": .string("16 GiB"), "cores": .integer(7), "board": .string("x 9")]
            group.instances = state.instances
            var found = DeviceFingerprint()
            found.groups = state.instances.isEmpty ? [] : [group]
            return found
        }
    }

    func reserve(_ request: JSON) async throws -> DeviceReservation {
        let ids = (request["instances"]?.array ?? []).compactMap { $0["id"]?.string }.joined(separator: ",")
        return try state.withLock { state in
            state.requests.append(request)
            if let error = state.reserveError { throw error }
            return DeviceReservation(json: .object([("devices", .array([]))]), environment: ["ACME_VISIBLE": ids])
        }
    }

    func stats() async throws -> JSON {
        try JSONParser.parse(
            """
            {"groups": [{"vendor": "acme", "type": "gpu", "model": "A1", "instances": {
              "u1": {"summary": {"value": 5, "total": 16, "unit": "GiB"}, "stats": {"heat": {"value": 41.5, "unit": "C"}}},
              "u2": {"summary": {"value": 0, "total": 16, "unit": "GiB"}}}}]}
            """)
    }
}
