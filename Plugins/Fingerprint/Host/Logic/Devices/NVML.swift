internal import Glibc

/// libnvidia-ml, opened at run time and initialised once: a machine without it has no NVIDIA GPUs, which is no error.
///
/// Names, numbers and layouts as in NVIDIA's NVML API reference. Every function returns 0 for success; what a GPU or a driver
/// does not know is `nil` here. Safe to use from any thread, as the library itself is.
final class NVML: @unchecked Sendable {
    typealias Device = UnsafeMutableRawPointer

    private typealias Plain = @convention(c) () -> Int32
    private typealias Number = @convention(c) (UnsafeMutablePointer<UInt32>) -> Int32
    private typealias SystemText = @convention(c) (UnsafeMutablePointer<CChar>, UInt32) -> Int32
    private typealias Handle = @convention(c) (UInt32, UnsafeMutablePointer<Device?>) -> Int32
    private typealias PartHandle = @convention(c) (Device, UInt32, UnsafeMutablePointer<Device?>) -> Int32
    private typealias DeviceText = @convention(c) (Device, UnsafeMutablePointer<CChar>, UInt32) -> Int32
    private typealias DeviceNumber = @convention(c) (Device, UnsafeMutablePointer<UInt32>) -> Int32
    private typealias DeviceNumbers =
        @convention(c) (
            Device, UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<UInt32>
        ) -> Int32
    private typealias DeviceNumberOf = @convention(c) (Device, UInt32, UnsafeMutablePointer<UInt32>) -> Int32
    private typealias DeviceCount = @convention(c) (Device, UInt32, UInt32, UnsafeMutablePointer<UInt64>) -> Int32
    private typealias DeviceCountAt =
        @convention(c) (
            Device, UInt32, UInt32, UInt32, UnsafeMutablePointer<UInt64>
        ) -> Int32
    private typealias DeviceStruct = @convention(c) (Device, UnsafeMutableRawPointer) -> Int32
    private typealias ErrorText = @convention(c) (Int32) -> UnsafePointer<CChar>?

    private let library: UnsafeMutableRawPointer

    /// Opens the first of `names` that there is, and initialises it; `nil` when there is none.
    ///
    /// - Throws: ``NVMLCode`` when it cannot talk to its driver.
    init?(names: [String]) throws(NVMLCode) {
        guard let library = names.lazy.compactMap({ dlopen($0, RTLD_NOW | RTLD_LOCAL) }).first else { return nil }
        self.library = library
        guard let initialize = function("nvmlInit_v2", as: Plain.self) else { throw .functionNotFound }
        try NVMLCode.check(initialize())
    }

    deinit { _ = function("nvmlShutdown", as: Plain.self)?() }

    /// What the library says of a code.
    func text(_ code: NVMLCode) -> String {
        guard let text = function("nvmlErrorString", as: ErrorText.self)?(code.rawValue) else { return "\(code)" }
        return "\(code): \(String(cString: text))"
    }

    // MARK: - Devices

    func count() throws(NVMLCode) -> UInt32 {
        var count: UInt32 = 0
        try NVMLCode.check(function("nvmlDeviceGetCount_v2", as: Number.self)?(&count))
        return count
    }

    func device(_ index: UInt32) throws(NVMLCode) -> Device {
        var device: Device?
        try NVMLCode.check(function("nvmlDeviceGetHandleByIndex_v2", as: Handle.self)?(index, &device))
        guard let device else { throw .unknown }
        return device
    }

    /// The MIG device of a GPU at a place, of which some are empty.
    func part(_ device: Device, _ index: UInt32) -> Device? {
        var part: Device?
        let code = function("nvmlDeviceGetMigDeviceHandleByIndex", as: PartHandle.self)?(device, index, &part)
        return code == 0 ? part : nil
    }

    // MARK: - Values

    func driverVersion() -> String {
        var buffer = [CChar](repeating: 0, count: 96)
        guard function("nvmlSystemGetDriverVersion", as: SystemText.self)?(&buffer, 96) == 0 else { return "" }
        return Self.text(buffer)
    }

    func requiredText(_ name: String, _ device: Device) throws(NVMLCode) -> String {
        var buffer = [CChar](repeating: 0, count: 96)
        try NVMLCode.check(function(name, as: DeviceText.self)?(device, &buffer, 96))
        return Self.text(buffer)
    }

    func number(_ name: String, _ device: Device) -> UInt32? {
        var value: UInt32 = 0
        return function(name, as: DeviceNumber.self)?(device, &value) == 0 ? value : nil
    }

    /// A function with two results, such as a mode now and after the next start.
    func numbers(_ name: String, _ device: Device) -> (UInt32, UInt32)? {
        var values: (UInt32, UInt32) = (0, 0)
        return function(name, as: DeviceNumbers.self)?(device, &values.0, &values.1) == 0 ? values : nil
    }

    /// A function with a selector, such as the kind of a clock.
    func number(_ name: String, _ device: Device, of kind: UInt32) -> UInt32? {
        var value: UInt32 = 0
        return function(name, as: DeviceNumberOf.self)?(device, kind, &value) == 0 ? value : nil
    }

    /// A counter chosen by kind of error and of counter.
    func count(_ name: String, _ device: Device, _ error: UInt32, _ counter: UInt32) -> UInt64? {
        var value: UInt64 = 0
        return function(name, as: DeviceCount.self)?(device, error, counter, &value) == 0 ? value : nil
    }

    /// A counter chosen by kind of error, of counter and place.
    func count(_ name: String, _ device: Device, _ error: UInt32, _ counter: UInt32, at place: UInt32) -> UInt64? {
        var value: UInt64 = 0
        return function(name, as: DeviceCountAt.self)?(device, error, counter, place, &value) == 0 ? value : nil
    }

    /// A struct of `count` bytes; the library writes no more than that.
    func structure(_ name: String, _ device: Device, bytes count: Int) -> NVMLStruct? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        guard let base = buffer.baseAddress, function(name, as: DeviceStruct.self)?(device, base) == 0 else {
            return nil
        }
        return NVMLStruct(bytes: Array(buffer))
    }

    func function<Function>(_ name: String, as type: Function.Type) -> Function? {
        dlsym(library, name).map { unsafeBitCast($0, to: type) }
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// What an NVML function returned other than success (nvmlReturn_t).
struct NVMLCode: Error, Equatable, Sendable, CustomStringConvertible {
    let rawValue: Int32

    static let driverNotLoaded = NVMLCode(rawValue: 9)
    static let functionNotFound = NVMLCode(rawValue: 13)
    static let gpuIsLost = NVMLCode(rawValue: 15)
    static let unknown = NVMLCode(rawValue: 999)

    var description: String { "NVML error \(rawValue)" }

    /// Whatever it was said of is gone; another look will say the same.
    var isFinal: Bool { self == .gpuIsLost || self == .driverNotLoaded }

    /// `nil` is a function that the library lacks.
    static func check(_ code: Int32?) throws(NVMLCode) {
        guard let code else { throw .functionNotFound }
        guard code == 0 else { throw NVMLCode(rawValue: code) }
    }
}

/// What a driver wants done about a GPU (nvmlDeviceGpuRecoveryAction_t).
enum NVMLRecovery: UInt32 {
    case none = 0
    case reset = 1
    case reboot = 2
    /// Traffic, or work, must end first; then it says more. So do actions that are not known here.
    case drain = 3

    /// For an operator; `nil` where tasks may go on.
    var advice: String? {
        switch self {
        case .none, .drain: nil
        case .reset: "reset the GPU"
        case .reboot: "restart the machine"
        }
    }
}

/// The bytes of a struct that the library filled.
struct NVMLStruct {
    let bytes: [UInt8]

    /// The number at byte `offset`.
    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> Value {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
    }

    /// The text that begins at byte `offset`, of at most `count` bytes.
    func text(_ offset: Int, _ count: Int) -> String {
        String(decoding: bytes[offset..<(offset + count)].prefix { $0 != 0 }, as: UTF8.self)
    }
}
