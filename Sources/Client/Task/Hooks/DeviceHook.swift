internal import Basics
internal import Model
internal import PluginHost

/// Asks the plug-ins of the task's devices how it uses them: variables for it, and device nodes and mounts for its driver.
///
/// A plug-in is asked once for all that the task has of it, so that its variables name all. Changes nothing that must be undone.
struct DeviceHook: TaskHook {
    let name = "devices"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        guard let assigned = start.allocation.allocatedResources.tasks[start.task.name], !assigned.devices.isEmpty
        else { return }
        // A client that has just started does not know yet who knows the devices.
        _ = try await context.world.settled.get()
        var reservations: [String: DeviceReservation] = [:]
        let held = assigned.heldDevices
        for (device, _) in held {
            let provider = try provider(of: device, context)
            guard reservations[provider.name] == nil else { continue }
            let own = held.filter { context.world.devices.offers.plugin(of: $0.device) == provider.name }
            let reservation = try await reserve(own, for: start, provider)
            start.hookEnvironment.merge(reservation.environment) { $1 }
            reservations[provider.name] = reservation
        }
        start.spec.devices = assigned.devices.map { device in
            var members: [(String, JSON)] = [
                ("vendor", .string(device.vendor)), ("type", .string(device.type)), ("model", .string(device.name)),
                ("ids", .array(device.deviceIDs.map { .string($0) })),
            ]
            let example = HeldDevice(vendor: device.vendor, type: device.type, model: device.name, id: "")
            if let plugin = context.world.devices.offers.plugin(of: example),
                let reservation = reservations.removeValue(forKey: plugin)
            {
                members.append(("reservation", reservation.json))
            }
            return .object(members)
        }
    }

    private func provider(of device: HeldDevice, _ context: TaskContext) throws -> any DeviceProvider {
        if let reason = context.world.devices.offers.fault(of: device) {
            throw TaskSetupError(message: "device \(device) cannot be used: \(reason)")
        }
        guard let provider = context.world.devices.provider(of: device) else {
            throw TaskSetupError(
                message:
                    "no plug-in of this node knows devices of \(device.vendor)/\(device.type); see drover plugin status",
                recoverable: true)
        }
        return provider
    }

    private func reserve(
        _ held: [(device: HeldDevice, shareMilli: Int)], for start: TaskStart, _ provider: any DeviceProvider
    ) async throws -> DeviceReservation {
        let instances = held.map { device, share in
            JSON.object([("id", .string(device.id)), ("share_milli", .integer(Int64(share)))])
        }
        do {
            return try await provider.reserve(
                .object([
                    ("task_id", .string(start.spec.id)),
                    ("fs_isolation", .string(start.driver.capabilities.fsIsolation)), ("instances", .array(instances)),
                ]))
        } catch let error as PluginError {
            try Task.checkCancellation()
            let names = held.map { "\($0.device)" }.joined(separator: ", ")
            // Gone or ill: another attempt here would not help, another node may.
            let isLost = error.code == .notFound || error.code == .retry
            throw TaskSetupError(
                message: "plug-in \"\(provider.name)\" refuses \(names): \(error.message)", recoverable: !isLost)
        }
    }
}
