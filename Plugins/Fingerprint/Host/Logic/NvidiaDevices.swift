internal import DroverSDK

/// NVIDIA GPUs as devices that tasks can be given: `nvidia/gpu/<model>`. None, on a machine without.
struct NvidiaDevices: DeviceProvider {
    let machine: Machine
    let clock: Clock

    func probe() throws -> JSON {
        let groups = models(machine.system.nvidiaGPUs()).map { model, gpus in
            group(
                model,
                [
                    "attributes": [
                        "memory": .string("\((gpus.first?.memoryBytes ?? 0) >> 20) MiB")
                    ],
                    "instances": .array(
                        gpus.map { gpu in
                            ["id": .string(gpu.uuid), "healthy": true, "pci_bus_id": .string(gpu.busID)]
                        }),
                ])
        }
        return ["groups": .array(groups), "period_ns": .integer(HostFingerprinter.period)]
    }

    /// The variables that the container runtime and CUDA look at, and the device files of drivers that isolate.
    func reserve(_ request: JSON) throws -> JSON {
        let known = machine.system.nvidiaGPUs()?.gpus ?? []
        let wanted = (request["instances"]?.array ?? []).compactMap { $0["id"]?.string }
        var files = ["/dev/nvidiactl", "/dev/nvidia-uvm"]
        for id in wanted {
            guard let gpu = known.first(where: { $0.uuid == id }) else {
                throw PluginError(.notFound, "no GPU \(id) on this machine; it has \(known.map(\.uuid))")
            }
            files.append("/dev/nvidia\(gpu.minor)")
        }
        let list = JSON.string(wanted.joined(separator: ","))
        return [
            "env": ["NVIDIA_VISIBLE_DEVICES": list, "CUDA_VISIBLE_DEVICES": list],
            "devices": .array(
                files.map { ["host_path": .string($0), "task_path": .string($0), "permissions": "rw"] }),
        ]
    }

    func stats() throws -> JSON {
        let time = JSON.integer(clock.wall)
        let groups = models(machine.system.nvidiaGPUs()).map { model, gpus in
            let instances = gpus.map { gpu in (gpu.uuid, stats(of: gpu, time)) }
            return group(model, ["instances": .object(Dictionary(instances, uniquingKeysWith: { first, _ in first }))])
        }
        return ["groups": .array(groups)]
    }

    private func stats(of gpu: NvidiaReport.GPU, _ time: JSON) -> JSON {
        let used = JSON.integer(Int64(clamping: gpu.memoryUsedBytes >> 20))
        var stats: [String: JSON] = ["memory_used": ["value": used, "unit": "MiB"]]
        if let percent = gpu.utilizationPercent {
            stats["utilization"] = ["value": .integer(Int64(percent)), "unit": "%"]
        }
        return ["summary": ["value": used, "unit": "MiB"], "stats": .object(stats), "time_ns": time]
    }

    private func group(_ model: String, _ more: [String: JSON]) -> JSON {
        let name: [String: JSON] = ["vendor": "nvidia", "type": "gpu", "model": .string(model)]
        return .object(name.merging(more) { first, _ in first })
    }

    /// GPUs of a report by model, in the order of the models' names.
    private func models(_ report: NvidiaReport?) -> [(String, [NvidiaReport.GPU])] {
        Dictionary(grouping: report?.gpus ?? [], by: \.model).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
