/// Critical errors (XIDs) that the NVIDIA driver reports of GPUs, collected without a thread: asked for at every look.
final class NVMLEvents {
    private typealias Create = @convention(c) (UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Int32
    private typealias Register = @convention(c) (NVML.Device, UInt64, UnsafeMutableRawPointer) -> Int32
    private typealias Wait = @convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer, UInt32) -> Int32
    private typealias Free = @convention(c) (UnsafeMutableRawPointer) -> Int32

    /// nvmlEventTypeXidCriticalError and nvmlEventTypeDoubleBitEccError.
    private static let critical: UInt64 = 0x8 | 0x2
    /// Events taken at one look; the rest waits for the next.
    private static let eventsMax = 256
    /// XIDs that are a program's fault, not the GPU's (NVIDIA: XID errors): bad memory access, engine exceptions, a channel that
    /// was ended, a stuck kernel, video errors.
    static let ofPrograms: Set<UInt64> = [13, 31, 43, 45, 68, 109]

    private let library: NVML
    private let set: UnsafeMutableRawPointer
    private var registered: Set<String> = []

    /// `nil` when the library has no events.
    init?(_ library: NVML) {
        var set: UnsafeMutableRawPointer?
        guard library.function("nvmlEventSetCreate", as: Create.self)?(&set) == 0, let set else { return nil }
        self.library = library
        self.set = set
    }

    deinit { _ = library.function("nvmlEventSetFree", as: Free.self)?(set) }

    /// Listens to a GPU, once.
    func register(_ device: NVML.Device, uuid: String) {
        guard registered.insert(uuid).inserted else { return }
        _ = library.function("nvmlDeviceRegisterEvents", as: Register.self)?(device, Self.critical, set)
    }

    /// The next registration listens anew: after a reset the driver may have forgotten the old one.
    func forget(_ uuid: String) { registered.remove(uuid) }

    /// XIDs since the last call that are the GPUs' own fault, by the GPU's handle.
    func take() -> [(device: NVML.Device, xid: UInt64)] {
        guard let wait = library.function("nvmlEventSetWait_v2", as: Wait.self) else { return [] }
        var events: [(device: NVML.Device, xid: UInt64)] = []
        // nvmlEventData_t: device, unsigned long long eventType and eventData, two unsigned int of MIG.
        let data = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 8)
        defer { data.deallocate() }
        guard let base = data.baseAddress else { return [] }
        for _ in 0..<Self.eventsMax where wait(set, base, 0) == 0 {
            let xid = base.load(fromByteOffset: 16, as: UInt64.self)
            guard let device = base.load(as: NVML.Device?.self), !Self.ofPrograms.contains(xid) else { continue }
            events.append((device, xid))
        }
        return events
    }
}
