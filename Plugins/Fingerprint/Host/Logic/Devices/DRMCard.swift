internal import DroverSDK
internal import PluginSupport

/// A GPU of AMD or Intel as the kernel's direct rendering manager shows it in /sys/class/drm.
struct DRMCard: Sendable, Equatable {
    enum Vendor: String, Sendable {
        case amd
        case intel

        /// As sysfs writes it.
        init?(pciID: String?) {
            switch pciID {
            case "0x1002": self = .amd
            case "0x8086": self = .intel
            default: return nil
            }
        }
    }

    var vendor: Vendor
    /// Such as "0000:03:00.0".
    var busID: String
    /// Such as "/sys/class/drm/card0".
    var folder: String
    /// The kernel's driver, such as "amdgpu", "i915" or "xe".
    var driver: String
    /// Such as "renderD128": what programs that compute open.
    var renderNode: String
    /// Of amdgpu: 16 hexadecimal digits that stay with the card.
    var uniqueID: String?

    /// Stable over restarts: the runtime's own name where there is one, else the place on the bus.
    var id: String { uniqueID.map { "GPU-\($0)" } ?? busID }

    /// All cards with a driver that can be rendered with, by bus id.
    static func all(_ machine: Machine) -> [DRMCard] {
        machine.names(in: "/sys/class/drm").compactMap { name in
            // "card0-DP-1" is a connector.
            guard name.hasPrefix("card"), Int(name.dropFirst(4)) != nil else { return nil }
            return DRMCard(machine, "/sys/class/drm/\(name)")
        }.sorted { $0.busID < $1.busID }
    }

    private init?(_ machine: Machine, _ folder: String) {
        let device = folder + "/device"
        guard let vendor = Vendor(pciID: machine.line(device + "/vendor")),
            let renderNode = machine.names(in: device + "/drm").first(where: { $0.hasPrefix("renderD") })
        else { return nil }
        var facts: [String: String] = [:]
        for line in (machine.text(device + "/uevent") ?? "").split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2 { facts[parts[0]] = parts[1] }
        }
        guard let busID = facts["PCI_SLOT_NAME"] else { return nil }
        self.vendor = vendor
        self.busID = busID
        self.folder = folder
        self.renderNode = renderNode
        driver = facts["DRIVER"] ?? ""
        uniqueID = vendor == .amd ? machine.line(device + "/unique_id") : nil
    }

    // MARK: - What it is

    func unit(_ machine: Machine) -> DeviceUnit {
        let device = folder + "/device"
        let deviceID = machine.line(device + "/device") ?? ""
        let vendorID = vendor == .amd ? "0x1002" : "0x8086"
        let model = machine.line(device + "/product_name") ?? machine.pciNames.model(vendorID, deviceID, machine)
        var unit = DeviceUnit(vendor: vendor.rawValue, model: model, id: id)
        unit.busID = busID
        unit.numa =
            machine.numaNode(ofPCI: busID) ?? machine.integer(device + "/numa_node").flatMap { $0 < 0 ? nil : $0 }
        unit.memoryMiB = (memoryBytes(machine) ?? 0) >> 20
        unit.attributes["driver"] = .string(driver)
        func add(_ name: String, _ value: Int64?, _ suffix: String) {
            if let value { unit.attributes[name] = .string("\(value) \(suffix)") }
        }
        add("cores_clock", coresClockMHz(machine), "MHz")
        add("memory_clock", Self.highest(machine.text(device + "/pp_dpm_mclk")), "MHz")
        add("power", sensor("power1_cap", machine).map { $0 / 1_000_000 }, "W")
        if let version = machine.line(device + "/vbios_version") { unit.attributes["vbios_version"] = .string(version) }
        unit.fault = fault(machine)
        return unit
    }

    /// amdgpu: mem_info_vram_total. i915: lmem_total_bytes. xe: the first tile's video memory. Others use the machine's memory.
    private func memoryBytes(_ machine: Machine) -> Int64? {
        ["/device/mem_info_vram_total", "/lmem_total_bytes", "/device/tile0/physical_vram_size_bytes"].lazy
            .compactMap { machine.integer(folder + $0) }.first
    }

    private func coresClockMHz(_ machine: Machine) -> Int64? {
        Self.highest(machine.text(folder + "/device/pp_dpm_sclk")) ?? machine.integer(folder + "/gt_max_freq_mhz")
            ?? machine.integer(folder + "/device/tile0/gt0/freq0/max_freq")
    }

    /// The last of amdgpu's levels, "1: 1700Mhz *".
    private static func highest(_ levels: String?) -> Int64? {
        (levels ?? "").split(separator: "\n").compactMap { line in
            let digits = line.split(separator: " ").dropFirst().first?.prefix { $0.isNumber }
            return digits.flatMap { Int64($0) }
        }.max()
    }

    /// amdgpu counts errors of the memory controller: "ue: 0" of those it could not correct.
    private func fault(_ machine: Machine) -> String? {
        for line in (machine.text(folder + "/device/ras/umc_err_count") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "ue:", let count = words.last.flatMap({ Int64($0) }), count > 0 {
                return "\(count) uncorrected memory errors; reset the GPU"
            }
        }
        return nil
    }

    /// A file of its hardware monitor (kernel: hwmon, sysfs-interface): power in µW, temperature in thousandths of a degree.
    private func sensor(_ name: String, _ machine: Machine) -> Int64? {
        let hwmon = folder + "/device/hwmon"
        return machine.names(in: hwmon).lazy.compactMap { machine.integer("\(hwmon)/\($0)/\(name)") }.first
    }

    // MARK: - What it does

    func use(_ machine: Machine) -> DeviceUse {
        let device = folder + "/device"
        var stats: [String: JSON] = [:]
        func add(_ name: String, _ value: Int64?, of total: Int64? = nil, _ unit: String) {
            guard let value else { return }
            var stat: [String: JSON] = ["value": .integer(value), "unit": .string(unit)]
            if let total { stat["total"] = .integer(total) }
            stats[name] = .object(stat)
        }
        let used = machine.integer(device + "/mem_info_vram_used")
        add("Memory state", used.map { $0 >> 20 }, of: memoryBytes(machine).map { $0 >> 20 }, "MiB")
        add("GPU utilization", machine.integer(device + "/gpu_busy_percent"), "%")
        add("Memory utilization", machine.integer(device + "/mem_busy_percent"), "%")
        let power = sensor("power1_average", machine) ?? sensor("power1_input", machine)
        add("Power usage", power.map { $0 / 1_000_000 }, of: sensor("power1_cap", machine).map { $0 / 1_000_000 }, "W")
        add("Temperature", sensor("temp1_input", machine).map { $0 / 1000 }, "C")
        let clock = machine.integer(folder + "/gt_cur_freq_mhz")
        add("Cores clock", clock ?? machine.integer(device + "/tile0/gt0/freq0/cur_freq"), "MHz")
        let summary = stats["Memory state"] ?? stats["GPU utilization"] ?? stats["Cores clock"] ?? .object([:])
        return DeviceUse(
            vendor: vendor.rawValue, model: unit(machine).model, id: id, summary: summary, stats: stats)
    }
}
