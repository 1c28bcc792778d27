internal import DroverSDK
internal import PluginSupport

/// What a session knows of GPUs beyond the life of the agent, in the plug-in's store: which there were, and what the driver said.
///
/// It holds for one start of the machine: the next resets the GPUs, and somebody may have taken one out.
struct NvidiaMemory: Sendable {
    private static let key = "nvidia"

    let store: KeyValueStore
    /// Of the machine's start that runs.
    let boot: String

    init(store: KeyValueStore, boot: String = SmallFile.readLine("/proc/sys/kernel/random/boot_id") ?? "") {
        self.store = store
        self.boot = boot
    }

    /// The GPUs that there were, without fault and facts, and their errors; none when nothing is known of this start.
    func read() -> (gpus: [NvidiaReport.GPU], errors: NvidiaErrors) {
        guard let bytes = try? store.get(Self.key),
            let record = try? JSON(parsing: String(decoding: bytes, as: UTF8.self)),
            record["boot"]?.string == boot
        else { return ([], NvidiaErrors()) }
        let gpus = (record["gpus"]?.array ?? []).compactMap { json -> NvidiaReport.GPU? in
            guard let unit = Self.unit(json), let busID = json["bus_id"]?.string, let minor = json["minor"]?.integer
            else {
                return nil
            }
            let partitions = json["partitions"]?.array?.compactMap { json -> NvidiaReport.Partition? in
                guard let unit = Self.unit(json), let gpu = json["gi"]?.integer, let compute = json["ci"]?.integer
                else {
                    return nil
                }
                return NvidiaReport.Partition(
                    unit: unit, gpuInstance: UInt32(clamping: gpu), computeInstance: UInt32(clamping: compute))
            }
            return NvidiaReport.GPU(unit: unit, busID: busID, minor: UInt32(clamping: minor), partitions: partitions)
        }
        let xids = (record["xids"]?.object ?? [:]).compactMapValues { $0.integer.map { UInt64(clamping: $0) } }
        return (gpus, NvidiaErrors(xids: xids, asked: Set(record["asked"]?.strings ?? [])))
    }

    /// Keeps what ``record(_:_:)`` made. A store that cannot be written costs what it is for, and no more.
    func write(_ record: JSON) { try? store.put(Self.key, Array(record.text.utf8)) }

    /// What is known now, to be kept.
    func record(_ gpus: [NvidiaReport.GPU], _ errors: NvidiaErrors) -> JSON {
        let list = gpus.map { gpu -> JSON in
            var json = Self.json(gpu.unit)
            json["bus_id"] = .string(gpu.busID)
            json["minor"] = .integer(Int64(gpu.minor))
            json["partitions"] = gpu.partitions.map { partitions in
                .array(
                    partitions.map { partition in
                        var json = Self.json(partition.unit)
                        json["gi"] = .integer(Int64(partition.gpuInstance))
                        json["ci"] = .integer(Int64(partition.computeInstance))
                        return .object(json)
                    })
            }
            return .object(json)
        }
        return [
            "boot": .string(boot), "gpus": .array(list),
            "xids": .object(errors.xids.mapValues { .integer(Int64(clamping: $0)) }),
            "asked": .array(errors.asked.sorted().map(JSON.string)),
        ]
    }

    private static func json(_ unit: NvidiaReport.Unit) -> [String: JSON] {
        [
            "uuid": .string(unit.uuid), "model": .string(unit.model),
            "memory_bytes": .integer(Int64(clamping: unit.memoryBytes)),
        ]
    }

    private static func unit(_ json: JSON) -> NvidiaReport.Unit? {
        guard let uuid = json["uuid"]?.string, let model = json["model"]?.string,
            let memory = json["memory_bytes"]?.integer
        else { return nil }
        return NvidiaReport.Unit(uuid: uuid, model: model, memoryBytes: UInt64(clamping: memory))
    }
}
