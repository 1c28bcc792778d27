internal import DroverSDK
internal import Synchronization

/// The machine's NVIDIA GPUs over one initialised library, which remembers them: one that is gone is reported as lost.
final class NvidiaSession: Sendable {
    /// At most so many GPUs are looked at.
    static let gpusMax: UInt32 = 64

    private struct State: ~Copyable {
        var library: NVML?
        var events: NVMLEvents?
        /// By uuid, as last seen in order.
        var known: [NvidiaReport.GPU] = []
        var xids: [String: UInt64] = [:]
        var driverVersion = ""
    }

    private let names: [String]
    private let state: Mutex<State>

    /// `names` are tried in order; found by the dynamic loader, or paths.
    init(names: [String] = ["libnvidia-ml.so.1", "libnvidia-ml.so"]) {
        self.names = names
        state = Mutex(State())
    }

    /// All GPUs, known ones that are gone included; `nil` when the machine has no such library.
    func report() -> NvidiaReport? {
        state.withLock { state in
            do throws(NVMLCode) {
                guard let library = try open(&state) else { return nil }
                return try look(library, &state)
            } catch {
                // The next look begins anew. Whatever runs on the GPUs has lost its driver.
                let problem = "libnvidia-ml cannot talk to its driver: \(state.library?.text(error) ?? "\(error)")"
                state.events = nil
                state.library = nil
                return report(&state, [], problem)
            }
        }
    }

    /// What each GPU and each MIG instance does now.
    func use() -> [NvidiaUse] {
        state.withLock { state in
            guard let library = state.library, let count = try? library.count() else { return [] }
            var found: [NvidiaUse] = []
            for index in 0..<min(count, Self.gpusMax) {
                guard let device = try? library.device(index) else { continue }
                if let use = library.use(device) { found.append(use) }
                for part in library.parts(device) ?? [] {
                    if let use = library.use(part) { found.append(use) }
                }
            }
            return found
        }
    }

    private func open(_ state: inout State) throws(NVMLCode) -> NVML? {
        if let library = state.library { return library }
        guard let library = try NVML(names: names) else { return nil }
        state.library = library
        state.events = NVMLEvents(library)
        state.driverVersion = library.driverVersion()
        return library
    }

    private func look(_ library: NVML, _ state: inout State) throws(NVMLCode) -> NvidiaReport {
        var present: [NvidiaReport.GPU] = []
        var handles: [NVML.Device: String] = [:]
        var loss: NVMLCode?
        for index in 0..<min(try library.count(), Self.gpusMax) {
            do throws(NVMLCode) {
                let device = try library.device(index)
                let gpu = try library.gpu(device, driverVersion: state.driverVersion)
                state.events?.register(device, uuid: gpu.unit.uuid)
                handles[device] = gpu.unit.uuid
                present.append(gpu)
            } catch {
                loss = error
            }
        }
        for (device, xid) in state.events?.take() ?? [] {
            if let uuid = handles[device] { state.xids[uuid] = xid }
        }
        for index in present.indices {
            guard let xid = state.xids[present[index].unit.uuid] else { continue }
            present[index].fault =
                "the driver reported XID \(xid); reset the GPU and restart the agent's plug-in \"host\""
        }
        return report(&state, present, loss.map { "it has fallen off the bus: \(library.text($0))" })
    }

    /// `missing` says why a known GPU may not be among `present`.
    private func report(
        _ state: inout State, _ present: [NvidiaReport.GPU], _ missing: String?
    ) -> NvidiaReport {
        let uuids = Set(present.map(\.unit.uuid))
        let lost = state.known.filter { !uuids.contains($0.unit.uuid) }.map { gpu in
            var gpu = gpu
            gpu.fault = missing ?? "libnvidia-ml lists it no more"
            return gpu
        }
        state.known = present + lost
        return NvidiaReport(
            driverVersion: state.driverVersion, gpus: state.known, problem: state.library == nil ? missing : nil)
    }
}
