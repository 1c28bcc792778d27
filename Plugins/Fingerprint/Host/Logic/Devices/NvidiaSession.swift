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
        var errors = NvidiaErrors()
        var driverVersion = ""
        /// Looks in a row at which the library failed.
        var failures = 0
        /// What the memory holds, if it was written in this session.
        var kept: JSON?
    }

    /// Why GPUs that are known may not be among those just seen.
    private struct Loss {
        let text: String
        /// What the library answered; nil when it answered, and just did not tell of them.
        var code: NVMLCode?
        var isFinal: Bool { code?.isFinal ?? true }
    }

    private let names: [String]
    private let memory: NvidiaMemory?
    private let state: Mutex<State>

    /// `names` are tried in order; found by the dynamic loader, or paths.
    init(names: [String] = ["libnvidia-ml.so.1", "libnvidia-ml.so"], memory: NvidiaMemory? = nil) {
        self.names = names
        self.memory = memory
        var start = State()
        if let memory { (start.known, start.errors) = memory.read() }
        state = Mutex(start)
    }

    /// All GPUs, known ones that are gone included; `nil` when the machine has no such library and none is known.
    ///
    /// A library that fails once may do so in passing, and what a GPU is lost for is lost: unless the code says that it is gone
    /// for good, a GPU is ill only after two such looks in a row.
    func report() -> NvidiaReport? {
        state.withLock { state in
            do throws(NVMLCode) {
                guard let library = try open(&state) else {
                    return state.known.isEmpty ? nil : report(&state, [], Loss(text: "libnvidia-ml is gone"))
                }
                return try look(library, &state)
            } catch {
                // The next look begins anew. Whatever runs on the GPUs has lost its driver.
                let problem = "libnvidia-ml cannot talk to its driver: \(state.library?.text(error) ?? "\(error)")"
                state.events = nil
                state.library = nil
                return report(&state, [], Loss(text: problem, code: error))
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
                if loss?.isFinal != true { loss = error }
            }
        }
        for (device, xid) in state.events?.take() ?? [] {
            if let uuid = handles[device] { state.errors.note(xid, of: uuid) }
        }
        for (device, uuid) in handles {
            guard let index = present.firstIndex(where: { $0.unit.uuid == uuid }) else { continue }
            let hadError = state.errors.xids[uuid] != nil
            if let fault = state.errors.fault(of: uuid, library.recovery(device)) { present[index].fault = fault }
            if hadError, state.errors.xids[uuid] == nil { state.events?.forget(uuid) }
        }
        return report(
            &state, present, loss.map { Loss(text: "it has fallen off the bus: \(library.text($0))", code: $0) })
    }

    private func report(_ state: inout State, _ present: [NvidiaReport.GPU], _ loss: Loss?) -> NvidiaReport {
        state.failures = loss?.code == nil ? 0 : state.failures + 1
        let mayPass = loss?.isFinal == false && state.failures < 2
        let uuids = Set(present.map(\.unit.uuid))
        let lost = state.known.filter { !uuids.contains($0.unit.uuid) }.map { gpu in
            var gpu = gpu
            if !mayPass { gpu.fault = loss?.text ?? "libnvidia-ml lists it no more" }
            return gpu
        }
        state.known = present + lost
        keep(&state)
        return NvidiaReport(driverVersion: state.driverVersion, gpus: state.known)
    }

    private func keep(_ state: inout State) {
        guard let memory else { return }
        let record = memory.record(state.known, state.errors)
        guard record != state.kept else { return }
        memory.write(record)
        state.kept = record
    }
}
