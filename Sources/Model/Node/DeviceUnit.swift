/// Units of devices' attributes and statistics (Nomad docs: device, units).
public struct DeviceUnit: Sendable {
    public enum Kind: Hashable, Sendable {
        case bytes
        case bytesPerSecond
        case hertz
        case milliwatts
    }

    public let kind: Kind
    /// How many of the kind's base (a byte, a byte a second, a hertz, a milliwatt) it is.
    public let factor: Double

    /// The unit that `name` spells, such as "MiB"; nil for one that nobody knows.
    public static func named(_ name: String) -> DeviceUnit? { all[name] }

    private static let all: [String: DeviceUnit] = {
        var units = ["B": DeviceUnit(kind: .bytes, factor: 1), "B/s": DeviceUnit(kind: .bytesPerSecond, factor: 1)]
        var (binary, decimal) = (1.0, 1.0)
        for prefix in ["K", "M", "G", "T", "P", "E"] {
            binary *= 1024
            decimal *= 1000
            units[prefix + "iB"] = DeviceUnit(kind: .bytes, factor: binary)
            units[prefix + "iB/s"] = DeviceUnit(kind: .bytesPerSecond, factor: binary)
            for spelling in prefix == "K" ? ["k", "K"] : [prefix] {
                units[spelling + "B"] = DeviceUnit(kind: .bytes, factor: decimal)
                units[spelling + "B/s"] = DeviceUnit(kind: .bytesPerSecond, factor: decimal)
            }
        }
        for (name, factor) in [("Hz", 1), ("MHz", 1e6), ("GHz", 1e9)] {
            units[name] = DeviceUnit(kind: .hertz, factor: factor)
        }
        for (name, factor) in [("mW", 1), ("W", 1e3), ("kW", 1e6), ("MW", 1e9), ("GW", 1e12)] {
            units[name] = DeviceUnit(kind: .milliwatts, factor: factor)
        }
        return units
    }()
}

extension DeviceAttribute {
    /// The attribute that a plug-in writes as text: an amount with a unit ("16 GiB"), or just text.
    public init(text: String) {
        self.init()
        let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, DeviceUnit.named(parts[1]) != nil, let amount = Double(parts[0]), amount.isFinite else {
            string = text
            return
        }
        unit = parts[1]
        if let whole = Int64(parts[0]) { int = whole } else { float = amount }
    }

    /// As people write it: "16 GiB", "true", "Tesla".
    public var text: String {
        let value = int.map { "\($0)" } ?? float.map { "\($0)" } ?? bool.map { "\($0)" } ?? string ?? ""
        return unit.isEmpty ? value : "\(value) \(unit)"
    }
}
