internal import DroverSDK
internal import PluginSupport
internal import Synchronization

/// GPUs on the PCI bus: `gpu.count`, and for each `gpu.<n>.vendor`, `.model`, `.memory_mib`, `unique.gpu.<n>.bus_id`.
///
/// Vendor and model come from sysfs and the machine's pci.ids; libnvidia-ml and amdgpu know better names and memory.
enum GPUProbe {
    /// Vendors whose display controllers do work; the others are consoles of virtual machines and servers.
    static let vendors = ["0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"]

    struct Device: Equatable {
        /// As sysfs writes it: "0000:01:00.0".
        var busID: String
        var vendor: String
        var model: String
        var memoryMiB: UInt64?
    }

    static func run(_ machine: Machine, _ fingerprint: inout Fingerprint) {
        var devices = devices(machine)
        if devices.contains(where: { $0.vendor == "nvidia" }) || machine.line("/proc/driver/nvidia/version") != nil,
            let report = machine.system.nvidiaGPUs()
        {
            fingerprint.attributes["nvidia.driver_version"] = report.driverVersion
            merge(report, into: &devices)
        }
        guard !devices.isEmpty else { return }
        fingerprint.attributes["gpu.count"] = "\(devices.count)"
        for (number, device) in devices.enumerated() {
            fingerprint.attributes["gpu.\(number).vendor"] = device.vendor
            fingerprint.attributes["gpu.\(number).model"] = device.model
            fingerprint.attributes["gpu.\(number).memory_mib"] = device.memoryMiB.map { "\($0)" }
            fingerprint.attributes["unique.gpu.\(number).bus_id"] = device.busID
        }
    }

    /// Display controllers (PCI class 0x03) and processing accelerators (0x12) of the vendors above, by bus id.
    static func devices(_ machine: Machine) -> [Device] {
        let folder = "/sys/bus/pci/devices"
        return machine.names(in: folder).compactMap { busID in
            guard let kind = machine.line("\(folder)/\(busID)/class"), kind.hasPrefix("0x03") || kind.hasPrefix("0x12"),
                let vendorID = machine.line("\(folder)/\(busID)/vendor"), let vendor = vendors[vendorID],
                let deviceID = machine.line("\(folder)/\(busID)/device")
            else { return nil }
            // amdgpu: product_name and mem_info_vram_total in bytes.
            let bytes = machine.integer("\(folder)/\(busID)/mem_info_vram_total")
            let model = machine.line("\(folder)/\(busID)/product_name")
            return Device(
                busID: busID, vendor: vendor, model: model ?? machine.pciNames.model(vendorID, deviceID, machine),
                memoryMiB: bytes.map { UInt64(clamping: $0 >> 20) })
        }
    }

    /// Takes names and memory from libnvidia-ml, and GPUs that sysfs hides, as it does in some containers.
    private static func merge(_ report: NvidiaReport, into devices: inout [Device]) {
        for gpu in report.gpus {
            let better = Device(
                busID: gpu.busID, vendor: "nvidia", model: gpu.unit.model, memoryMiB: gpu.unit.memoryBytes >> 20)
            if let index = devices.firstIndex(where: { $0.busID == gpu.busID }) {
                devices[index] = better
            } else {
                devices.append(better)
            }
        }
    }
}

/// Names of PCI devices, from the machine's copy of the PCI ID database, which is read once for a device: it is over 1 MB.
final class PCINames: Sendable {
    private let known = Mutex<[String: String]>([:])

    /// The name of a device, or its number when the machine has no database or the database no entry.
    func model(_ vendorID: String, _ deviceID: String, _ machine: Machine) -> String {
        let key = vendorID + deviceID
        if let name = known.withLock({ $0[key] }) { return name }
        let name = Self.look(vendorID, deviceID, machine)
        known.withLock { $0[key] = name }
        return name
    }

    /// The format: "vvvv  Vendor", below it "\tdddd  Device", "#" comments.
    private static func look(_ vendorID: String, _ deviceID: String, _ machine: Machine) -> String {
        let unknown = "device \(deviceID)"
        for path in ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"] {
            guard let lines = machine.text(path)?.split(separator: "\n") else { continue }
            let vendor = vendorID.dropFirst(2), device = "\t" + deviceID.dropFirst(2)
            guard let start = lines.firstIndex(where: { $0.hasPrefix(vendor) }) else { continue }
            for line in lines[(start + 1)...] {
                guard line.hasPrefix("\t") || line.hasPrefix("#") else { break }
                if line.hasPrefix(device) { return SmallFile.trim(line.dropFirst(device.count)) }
            }
        }
        return unknown
    }
}
