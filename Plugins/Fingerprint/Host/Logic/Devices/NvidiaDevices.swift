internal import DroverSDK

/// NVIDIA GPUs and MIG instances as devices: `nvidia/gpu/<model>`.
struct NvidiaDevices: Sendable {
    let machine: Machine

    func units() -> [DeviceUnit] {
        (machine.system.nvidiaGPUs()?.gpus ?? []).flatMap { gpu -> [DeviceUnit] in
            guard let partitions = gpu.partitions else { return [unit(gpu.unit, gpu)] }
            return partitions.map { partition in
                var unit = unit(partition.unit, gpu)
                unit.isShared = false
                return unit
            }
        }
    }

    private func unit(_ found: NvidiaReport.Unit, _ gpu: NvidiaReport.GPU) -> DeviceUnit {
        var unit = DeviceUnit(vendor: "nvidia", model: found.model, id: found.uuid, attributes: found.facts)
        unit.memoryMiB = Int64(clamping: found.memoryBytes >> 20)
        unit.busID = gpu.busID
        unit.numa = machine.numaNode(ofPCI: gpu.busID)
        unit.fault = gpu.fault
        return unit
    }

    func uses() -> [DeviceUse] {
        let models = Dictionary(units().map { ($0.id, $0.model) }) { first, _ in first }
        return machine.system.nvidiaUse().compactMap { use in
            guard let model = models[use.uuid] else { return nil }
            let summary: JSON = [
                "value": .integer(use.memoryUsedMiB), "total": .integer(use.memoryTotalMiB), "unit": "MiB",
                "description": "memory used of all",
            ]
            return DeviceUse(vendor: "nvidia", model: model, id: use.uuid, summary: summary, stats: use.stats)
        }
    }

    /// Device files and variables for `wanted`, which are of this machine.
    ///
    /// - Throws: ``PluginError/Code/retry`` for one that is ill.
    func reserve(_ wanted: [(id: String, shareMilli: Int64)], _ reservation: inout Reservation) throws(PluginError) {
        guard let report = machine.system.nvidiaGPUs() else { return }
        var own: [(id: String, shareMilli: Int64, memoryMiB: UInt64)] = []
        var files = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"]
        for (id, share) in wanted {
            guard let (gpu, partition) = report.find(id) else { continue }
            if let fault = gpu.fault { throw PluginError(.retry, "GPU \(id): \(fault)") }
            own.append((id, share, (partition?.unit ?? gpu.unit).memoryBytes >> 20))
            let file = "/dev/nvidia\(gpu.minor)"
            if !files.contains(file) { files.append(file) }
            if let partition { files += capabilities(gpu, partition) }
        }
        guard !own.isEmpty else { return }
        reservation.add(files: files.filter(machine.exists))
        let list = own.map(\.id).joined(separator: ",")
        // What the container runtime and CUDA look at.
        reservation.environment["NVIDIA_VISIBLE_DEVICES"] = list
        reservation.environment["CUDA_VISIBLE_DEVICES"] = list
        share(own, &reservation)
    }

    /// What CUDA holds a task to that has a part of a GPU, where the operator runs NVIDIA's Multi-Process Service (MPS docs).
    private func share(
        _ own: [(id: String, shareMilli: Int64, memoryMiB: UInt64)], _ reservation: inout Reservation
    ) {
        guard let least = own.map(\.shareMilli).min(), least < 1000 else { return }
        reservation.environment["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] = "\(max(1, least / 10))"
        let limits = own.enumerated().map { number, gpu in
            "\(number)=\(gpu.memoryMiB * UInt64(clamping: gpu.shareMilli) / 1000)M"
        }
        reservation.environment["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] = limits.joined(separator: ",")
    }

    /// The files that open a MIG instance: their minor numbers are in mig-minors, one "gpu0/gi1/ci0/access 12" a line.
    private func capabilities(_ gpu: NvidiaReport.GPU, _ partition: NvidiaReport.Partition) -> [String] {
        let instance = "gpu\(gpu.minor)/gi\(partition.gpuInstance)"
        let names = ["\(instance)/access", "\(instance)/ci\(partition.computeInstance)/access"]
        let lines = (machine.text("/proc/driver/nvidia-caps/mig-minors") ?? "").split(separator: "\n")
        return lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 2, names.contains(words[0]), Int(words[1]) != nil else { return nil }
            return "/dev/nvidia-caps/nvidia-cap\(words[1])"
        }
    }
}
