internal import DroverSDK

/// GPUs of AMD and Intel as devices: `amd/gpu/<model>`, `intel/gpu/<model>`.
struct DRMDevices: Sendable {
    let machine: Machine

    func units() -> [DeviceUnit] { DRMCard.all(machine).map { $0.unit(machine) } }

    func uses() -> [DeviceUse] { DRMCard.all(machine).map { $0.use(machine) } }

    /// Device files and variables for `wanted`, which are of this machine.
    ///
    /// Numbers count what a program sees: all GPUs where `isolation` is "none", else those reserved, and then no number is needed
    /// to keep it from others. In a root made of chosen folders ("chroot") the runtimes find a GPU only through /sys, which has
    /// nothing there that a task could write.
    /// - Throws: ``PluginError/Code/retry`` for one that is ill.
    func reserve(
        _ wanted: [(id: String, shareMilli: Int64)], isolation: String, _ reservation: inout Reservation
    ) throws(PluginError) {
        let seesAll = isolation == "none"
        let cards = DRMCard.all(machine)
        for vendor in [DRMCard.Vendor.amd, .intel] {
            let ofVendor = cards.filter { $0.vendor == vendor }
            let chosen = wanted.compactMap { wish in ofVendor.firstIndex { $0.id == wish.id } }
            guard !chosen.isEmpty else { continue }
            for index in chosen {
                if let fault = ofVendor[index].unit(machine).fault {
                    throw PluginError(.retry, "GPU \(ofVendor[index].id): \(fault)")
                }
            }
            reservation.add(files: chosen.map { "/dev/dri/" + ofVendor[$0].renderNode }.filter(machine.exists))
            if isolation == "chroot" { reservation.showsSys = true }
            switch vendor {
            case .amd:
                if machine.exists("/dev/kfd") { reservation.add(files: ["/dev/kfd"]) }
                // ROCm: names, or numbers in the order of the bus; HIP counts within what ROCr shows.
                let names = chosen.map { ofVendor[$0].uniqueID == nil ? "\($0)" : ofVendor[$0].id }
                guard seesAll || chosen.allSatisfy({ ofVendor[$0].uniqueID != nil }) else { break }
                reservation.environment["ROCR_VISIBLE_DEVICES"] = names.joined(separator: ",")
            case .intel:
                // Level Zero and SYCL: numbers in the order of the bus.
                guard seesAll else { break }
                reservation.environment["ZE_AFFINITY_MASK"] = chosen.map { "\($0)" }.joined(separator: ",")
            }
        }
    }
}
