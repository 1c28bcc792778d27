internal import DroverSDK

/// What one GPU, or one MIG instance, is and does.
extension NVML {
    private static let smClock: UInt32 = 1
    private static let memoryClock: UInt32 = 2
    private static let uncorrected: UInt32 = 1
    /// Since the driver was loaded.
    private static let volatile: UInt32 = 0

    /// - Throws: ``NVMLCode`` when the GPU does not answer, above all when it is lost.
    func gpu(_ device: Device, driverVersion: String) throws(NVMLCode) -> NvidiaReport.GPU {
        var unit = try unit(device)
        unit.facts.merge(facts(device, driverVersion: driverVersion)) { $1 }
        // nvmlPciInfo_t: char busIdLegacy[16], five unsigned int (domain first), char busId[32].
        let pci = structure("nvmlDeviceGetPciInfo_v3", device, bytes: 128)
        var gpu = NvidiaReport.GPU(
            unit: unit, busID: Self.busID(pci?.text(36, 32) ?? ""),
            minor: number("nvmlDeviceGetMinorNumber", device) ?? 0)
        gpu.fault = fault(device)
        gpu.partitions = parts(device)?.compactMap { part in
            guard var found = try? self.unit(part) else { return nil }
            found.facts.merge(unit.facts) { own, _ in own }
            return NvidiaReport.Partition(
                unit: named(found, of: unit, part), gpuInstance: number("nvmlDeviceGetGpuInstanceId", part) ?? 0,
                computeInstance: number("nvmlDeviceGetComputeInstanceId", part) ?? 0)
        }
        return gpu
    }

    /// Handles of the MIG instances; `nil` when the GPU is not partitioned.
    func parts(_ device: Device) -> [Device]? {
        guard numbers("nvmlDeviceGetMigMode", device)?.0 == 1 else { return nil }
        let count = number("nvmlDeviceGetMaxMigDeviceCount", device) ?? 0
        return (0..<min(count, 64)).compactMap { part(device, $0) }
    }

    private func unit(_ device: Device) throws(NVMLCode) -> NvidiaReport.Unit {
        NvidiaReport.Unit(
            uuid: try requiredText("nvmlDeviceGetUUID", device), model: try requiredText("nvmlDeviceGetName", device),
            memoryBytes: memory(device)?.total ?? 0)
    }

    /// Older drivers give instances the name of their GPU: then the profile is added, such as "MIG 1g.10gb".
    private func named(_ unit: NvidiaReport.Unit, of parent: NvidiaReport.Unit, _ part: Device) -> NvidiaReport.Unit {
        guard unit.model == parent.model else { return unit }
        // nvmlDeviceAttributes_t: eight unsigned int, of which the seventh counts GPU slices; unsigned long long memorySizeMB.
        guard let attributes = structure("nvmlDeviceGetAttributes_v2", part, bytes: 40) else { return unit }
        let (slices, memoryMiB): (UInt32, UInt64) = (attributes.load(24), attributes.load(32))
        var unit = unit
        unit.model += " MIG \(slices)g.\((memoryMiB + 512) / 1024)gb"
        return unit
    }

    /// What does not change while tasks run (Nomad docs: NVIDIA device plug-in, fingerprinted attributes).
    private func facts(_ device: Device, driverVersion: String) -> [String: JSON] {
        var facts: [String: JSON] = ["driver_version": .string(driverVersion)]
        func add(_ name: String, _ value: UInt64?, _ unit: String) {
            if let value { facts[name] = .string("\(value) \(unit)") }
        }
        func mode(_ name: String, _ value: UInt32?) {
            if let value { facts[name] = value == 1 ? "Enabled" : "Disabled" }
        }
        add("cores_clock", number("nvmlDeviceGetMaxClockInfo", device, of: Self.smClock).map(UInt64.init), "MHz")
        add("memory_clock", number("nvmlDeviceGetMaxClockInfo", device, of: Self.memoryClock).map(UInt64.init), "MHz")
        add("power", number("nvmlDeviceGetPowerManagementLimit", device).map { UInt64($0) / 1000 }, "W")
        add("bar1", bar1(device).map { $0.total >> 20 }, "MiB")
        add("pci_bandwidth", bandwidth(device), "MB/s")
        mode("display_state", number("nvmlDeviceGetDisplayMode", device))
        mode("persistence_mode", number("nvmlDeviceGetPersistenceMode", device))
        mode("ecc_mode", numbers("nvmlDeviceGetEccMode", device)?.0)
        mode("mig_mode", numbers("nvmlDeviceGetMigMode", device)?.0)
        if let (major, minor) = numbers("nvmlDeviceGetCudaComputeCapability", device) {
            facts["compute_capability"] = .string("\(major).\(minor)")
        }
        return facts
    }

    /// MB/s of the link at its best: PCI Express generations 1 to 6 carry so much on a lane, after encoding.
    private func bandwidth(_ device: Device) -> UInt64? {
        let perLane: [UInt64] = [250, 500, 985, 1_969, 3_938, 7_563]
        guard let generation = number("nvmlDeviceGetMaxPcieLinkGeneration", device),
            let width = number("nvmlDeviceGetMaxPcieLinkWidth", device),
            perLane.indices.contains(Int(generation) - 1)
        else { return nil }
        return perLane[Int(generation) - 1] * UInt64(width)
    }

    /// What the driver wants done before the GPU is well again; `nil` when it does not tell, as drivers before release 570.
    func recovery(_ device: Device) -> NVMLRecovery? {
        typealias Fields = @convention(c) (Device, Int32, UnsafeMutableRawPointer) -> Int32
        // nvmlFieldValue_t: unsigned int fieldId and scopeId, long long timestamp and latencyUsec, int valueType and nvmlReturn,
        // a union of 8 bytes.
        let field = UnsafeMutableRawBufferPointer.allocate(byteCount: 40, alignment: 8)
        defer { field.deallocate() }
        field.initializeMemory(as: UInt8.self, repeating: 0)
        // NVML_FI_DEV_GET_GPU_RECOVERY_ACTION
        field.storeBytes(of: 230, as: UInt32.self)
        guard let base = field.baseAddress,
            function("nvmlDeviceGetFieldValues", as: Fields.self)?(device, 1, base) == 0,
            field.load(fromByteOffset: 28, as: Int32.self) == 0
        else { return nil }
        return NVMLRecovery(rawValue: field.load(fromByteOffset: 32, as: UInt32.self)) ?? .drain
    }

    private func fault(_ device: Device) -> String? {
        // unsigned int corrRows, uncRows, isPending, failureOccurred; each an out parameter of its own.
        if remappingFailed(device) { return "its memory has more bad rows than can be replaced; replace the GPU" }
        guard let errors = count("nvmlDeviceGetTotalEccErrors", device, Self.uncorrected, Self.volatile), errors > 0
        else { return nil }
        return "\(errors) uncorrected ECC errors since its driver was loaded; reset the GPU"
    }

    private func remappingFailed(_ device: Device) -> Bool {
        typealias Rows =
            @convention(c) (
                Device, UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<UInt32>,
                UnsafeMutablePointer<UInt32>
            ) -> Int32
        var rows: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        let code = function("nvmlDeviceGetRemappedRows", as: Rows.self)?(device, &rows.0, &rows.1, &rows.2, &rows.3)
        return code == 0 && rows.3 != 0
    }

    /// nvmlMemory_t: total, free, used, each unsigned long long; in bytes.
    private func memory(_ device: Device) -> (total: UInt64, used: UInt64)? {
        structure("nvmlDeviceGetMemoryInfo", device, bytes: 24).map { ($0.load(0), $0.load(16)) }
    }

    /// nvmlBAR1Memory_t: bar1Total, bar1Free, bar1Used.
    private func bar1(_ device: Device) -> (total: UInt64, used: UInt64)? {
        structure("nvmlDeviceGetBAR1MemoryInfo", device, bytes: 24).map { ($0.load(0), $0.load(16)) }
    }

    /// NVML writes "00000000:01:00.0" where sysfs has "0000:01:00.0", and upper-case letters.
    private static func busID(_ text: String) -> String {
        let text = text.lowercased()
        return text.utf8.count == 16 ? String(text.dropFirst(4)) : text
    }

    // MARK: - Use

    /// What the GPU or instance does now, under the names of Nomad's device plug-in; what it does not tell is left out.
    func use(_ device: Device) -> NvidiaUse? {
        guard let uuid = try? requiredText("nvmlDeviceGetUUID", device) else { return nil }
        let memory = memory(device)
        let (used, total) = (Int64(clamping: (memory?.used ?? 0) >> 20), Int64(clamping: (memory?.total ?? 0) >> 20))
        var stats: [String: JSON] = [:]
        func add(_ name: String, _ value: UInt64?, of total: UInt64? = nil, _ unit: String, _ description: String) {
            guard let value else { return }
            var stat: [String: JSON] = [
                "value": .integer(Int64(clamping: value)), "unit": .string(unit), "description": .string(description),
            ]
            if let total { stat["total"] = .integer(Int64(clamping: total)) }
            stats[name] = .object(stat)
        }
        add("Memory state", memory.map { $0.used >> 20 }, of: memory.map { $0.total >> 20 }, "MiB", "used of all")
        let bar1 = bar1(device)
        add("BAR1 buffer state", bar1.map { $0.used >> 20 }, of: bar1.map { $0.total >> 20 }, "MiB", "used of all")
        let limit = number("nvmlDeviceGetPowerManagementLimit", device).map { UInt64($0) / 1000 }
        add("Power usage", number("nvmlDeviceGetPowerUsage", device).map { UInt64($0) / 1000 }, of: limit, "W", "drawn")
        add("Temperature", number("nvmlDeviceGetTemperature", device, of: 0).map(UInt64.init), "C", "of the chip")
        // nvmlUtilization_t: gpu, memory, each unsigned int.
        let busy = structure("nvmlDeviceGetUtilizationRates", device, bytes: 8)
        let part = "of the time since the last sample"
        add("GPU utilization", busy.map { UInt64($0.load(0) as UInt32) }, "%", part)
        add("Memory utilization", busy.map { UInt64($0.load(4) as UInt32) }, "%", part)
        for (name, function) in [
            ("Encoder", "nvmlDeviceGetEncoderUtilization"), ("Decoder", "nvmlDeviceGetDecoderUtilization"),
        ] {
            add("\(name) utilization", numbers(function, device).map { UInt64($0.0) }, "%", part)
        }
        add("Cores clock", number("nvmlDeviceGetClockInfo", device, of: Self.smClock).map(UInt64.init), "MHz", "now")
        add(
            "Memory clock", number("nvmlDeviceGetClockInfo", device, of: Self.memoryClock).map(UInt64.init), "MHz",
            "now")
        // Places of nvmlMemoryLocation_t.
        for (name, place) in [("L1", 0), ("L2", 1), ("memory", 2)] as [(String, UInt32)] {
            let errors = count("nvmlDeviceGetMemoryErrorCounter", device, Self.uncorrected, Self.volatile, at: place)
            add("ECC \(name) errors", errors, "#", "uncorrected, since the driver was loaded")
        }
        return NvidiaUse(uuid: uuid, memoryUsedMiB: used, memoryTotalMiB: total, stats: stats)
    }
}
