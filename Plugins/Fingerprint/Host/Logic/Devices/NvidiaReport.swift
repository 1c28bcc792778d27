internal import DroverSDK

/// What libnvidia-ml reports of the machine's GPUs.
struct NvidiaReport: Sendable, Equatable {
    /// A GPU, or a MIG instance of one.
    struct Unit: Sendable, Equatable {
        /// Stable over restarts: "GPU-...", or "MIG-...".
        var uuid: String
        var model: String
        var memoryBytes: UInt64
        /// What does not change while a task runs, under the names of Nomad's device plug-in.
        var facts: [String: JSON] = [:]
    }

    struct GPU: Sendable, Equatable {
        var unit: Unit
        /// As sysfs writes it: "0000:01:00.0".
        var busID: String
        /// N of /dev/nvidiaN.
        var minor: UInt32
        /// Why it cannot be used; `nil` while it can.
        var fault: String?
        /// Not nil when it is partitioned: then tasks get its instances, and not the whole.
        var partitions: [Partition]?
    }

    /// A MIG instance with the numbers by which the driver names its parts.
    struct Partition: Sendable, Equatable {
        var unit: Unit
        var gpuInstance: UInt32
        var computeInstance: UInt32
    }

    var driverVersion: String
    var gpus: [GPU]

    /// The GPU and, where it is one, the instance of `uuid`.
    func find(_ uuid: String) -> (gpu: GPU, partition: Partition?)? {
        for gpu in gpus {
            if gpu.unit.uuid == uuid { return (gpu, nil) }
            if let partition = gpu.partitions?.first(where: { $0.unit.uuid == uuid }) { return (gpu, partition) }
        }
        return nil
    }
}

/// What a GPU does now: named values as device.h wants them.
struct NvidiaUse: Sendable, Equatable {
    var uuid: String
    var memoryUsedMiB: Int64
    var memoryTotalMiB: Int64
    var stats: [String: JSON]
}
