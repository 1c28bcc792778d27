internal import Glibc

/// What libnvidia-ml reports.
struct NvidiaReport: Sendable, Equatable {
    struct GPU: Sendable, Equatable {
        /// Stable over restarts: "GPU-...".
        var uuid: String
        var model: String
        var memoryBytes: UInt64
        /// As sysfs writes it: "0000:01:00.0".
        var busID: String
        /// N of /dev/nvidiaN.
        var minor: UInt32
        var memoryUsedBytes: UInt64
        /// Percent of the time that a kernel ran; `nil` where the GPU does not tell.
        var utilizationPercent: UInt32?
    }

    var driverVersion: String
    var gpus: [GPU]
}

/// libnvidia-ml, opened at run time: a machine without it is a machine without NVIDIA GPUs, which is no error.
///
/// Names and layouts as in NVIDIA's NVML API reference; every function returns 0 for success.
struct NvidiaLibrary {
    private typealias Device = UnsafeMutableRawPointer
    private typealias Plain = @convention(c) () -> Int32
    private typealias Count = @convention(c) (UnsafeMutablePointer<UInt32>) -> Int32
    private typealias Handle = @convention(c) (UInt32, UnsafeMutablePointer<Device?>) -> Int32
    private typealias Text = @convention(c) (Device, UnsafeMutablePointer<CChar>, UInt32) -> Int32
    private typealias SystemText = @convention(c) (UnsafeMutablePointer<CChar>, UInt32) -> Int32
    private typealias Number = @convention(c) (Device, UnsafeMutablePointer<UInt32>) -> Int32
    private typealias Struct = @convention(c) (Device, UnsafeMutableRawPointer) -> Int32

    private let library: UnsafeMutableRawPointer

    /// `nil` when the machine has no libnvidia-ml, under any of `names`.
    init?(names: [String] = ["libnvidia-ml.so.1", "libnvidia-ml.so"]) {
        guard let library = names.lazy.compactMap({ dlopen($0, RTLD_NOW | RTLD_LOCAL) }).first else { return nil }
        self.library = library
    }

    /// All GPUs; `nil` when the library cannot talk to its driver.
    func report() -> NvidiaReport? {
        guard let initialize = function("nvmlInit_v2", as: Plain.self), initialize() == 0 else { return nil }
        defer { _ = function("nvmlShutdown", as: Plain.self)?() }
        var count: UInt32 = 0
        guard let getCount = function("nvmlDeviceGetCount_v2", as: Count.self), getCount(&count) == 0,
            let getHandle = function("nvmlDeviceGetHandleByIndex_v2", as: Handle.self)
        else { return nil }
        var gpus: [NvidiaReport.GPU] = []
        for index in 0..<min(count, 64) {
            var device: Device?
            guard getHandle(index, &device) == 0, let device, let gpu = gpu(device) else { continue }
            gpus.append(gpu)
        }
        return NvidiaReport(driverVersion: driverVersion(), gpus: gpus)
    }

    private func gpu(_ device: Device) -> NvidiaReport.GPU? {
        // nvmlMemory_t: total, free, used, each unsigned long long.
        guard let memory = structure("nvmlDeviceGetMemoryInfo", device, bytes: 24) else { return nil }
        // nvmlPciInfo_t: char busIdLegacy[16], five unsigned int (domain first), char busId[32].
        guard let pci = structure("nvmlDeviceGetPciInfo_v3", device, bytes: 128) else { return nil }
        // nvmlUtilization_t: gpu, memory, each unsigned int.
        let utilization = structure("nvmlDeviceGetUtilizationRates", device, bytes: 8)
        var minor: UInt32 = 0
        _ = function("nvmlDeviceGetMinorNumber", as: Number.self)?(device, &minor)
        return NvidiaReport.GPU(
            uuid: text("nvmlDeviceGetUUID", device), model: text("nvmlDeviceGetName", device),
            memoryBytes: memory.load(0), busID: Self.busID(pci), minor: minor, memoryUsedBytes: memory.load(16),
            utilizationPercent: utilization?.load(0))
    }

    /// NVML writes "00000000:01:00.0" where sysfs has "0000:01:00.0", and upper-case letters.
    private static func busID(_ pci: [UInt8]) -> String {
        let text = String(decoding: pci[36..<68].prefix { $0 != 0 }, as: UTF8.self).lowercased()
        return text.count == 16 ? String(text.dropFirst(4)) : text
    }

    private func driverVersion() -> String {
        var buffer = [CChar](repeating: 0, count: 96)
        guard function("nvmlSystemGetDriverVersion", as: SystemText.self)?(&buffer, 96) == 0 else { return "" }
        return Self.text(buffer)
    }

    private func text(_ name: String, _ device: Device) -> String {
        var buffer = [CChar](repeating: 0, count: 96)
        guard function(name, as: Text.self)?(device, &buffer, 96) == 0 else { return "" }
        return Self.text(buffer)
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func structure(_ name: String, _ device: Device, bytes count: Int) -> [UInt8]? {
        // Aligned as the widest member; the library writes no more than the struct.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        guard let base = buffer.baseAddress, function(name, as: Struct.self)?(device, base) == 0 else { return nil }
        return Array(buffer)
    }

    private func function<Function>(_ name: String, as type: Function.Type) -> Function? {
        dlsym(library, name).map { unsafeBitCast($0, to: type) }
    }
}

extension Array where Element == UInt8 {
    /// The number at byte `offset`.
    fileprivate func load<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> Number {
        withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
    }
}
