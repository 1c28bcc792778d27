import Model

/// An attribute of a device, or the text a constraint compares it with, so that units do not matter: 16 GiB is 16384 MiB.
struct DeviceAttributeValue: Hashable, Sendable {
    /// As written.
    let text: String
    /// The amount in its unit's base (bytes, bytes a second, Hz, mW), and what kind of unit that is.
    private let quantity: Quantity?

    private struct Quantity: Hashable, Sendable {
        let amount: Double
        let kind: Kind
    }

    private enum Kind: Hashable, Sendable {
        case bytes
        case bytesPerSecond
        case hertz
        case milliwatts
    }

    init(_ attribute: DeviceAttribute) {
        let value =
            attribute.int.map(String.init) ?? attribute.float.map { "\($0)" } ?? attribute.bool.map { "\($0)" }
            ?? attribute.string ?? ""
        self.init(text: attribute.unit.isEmpty ? value : "\(value) \(attribute.unit)")
    }

    init(text: String) {
        self.text = text
        let digits = text.prefix { $0.isNumber || $0 == "." || $0 == "-" || $0 == "+" }
        let unit = text[digits.endIndex...].drop { $0 == " " }
        quantity = Double(digits).flatMap { amount in
            Self.units[String(unit)].map { Quantity(amount: amount * $0.factor, kind: $0.kind) }
        }
    }

    /// The value in bytes, when its unit is one of memory.
    var bytes: Int64? {
        guard let quantity, quantity.kind == .bytes else { return nil }
        return Int64(exactly: quantity.amount.rounded())
    }

    /// Two values as a ``Predicate`` compares them: as amounts where both have units of a kind, else as they are written.
    static func comparable(_ left: DeviceAttributeValue?, _ right: DeviceAttributeValue?) -> (String?, String?) {
        guard let a = left?.quantity, let b = right?.quantity, a.kind == b.kind else {
            return (left?.text, right?.text)
        }
        return ("\(a.amount)", "\(b.amount)")
    }

    /// Units of devices' attributes (Nomad docs: device, units).
    private static let units: [String: (factor: Double, kind: Kind)] = {
        var units: [String: (factor: Double, kind: Kind)] = ["B": (1, .bytes), "B/s": (1, .bytesPerSecond)]
        var (binary, decimal) = (1.0, 1.0)
        for prefix in ["K", "M", "G", "T", "P", "E"] {
            binary *= 1024
            decimal *= 1000
            units[prefix + "iB"] = (binary, .bytes)
            units[prefix + "iB/s"] = (binary, .bytesPerSecond)
            for spelling in prefix == "K" ? ["k", "K"] : [prefix] {
                units[spelling + "B"] = (decimal, .bytes)
                units[spelling + "B/s"] = (decimal, .bytesPerSecond)
            }
        }
        for (name, factor) in [("Hz", 1), ("MHz", 1e6), ("GHz", 1e9)] { units[name] = (factor, .hertz) }
        for (name, factor) in [("mW", 1), ("W", 1e3), ("kW", 1e6), ("MW", 1e9), ("GW", 1e12)] {
            units[name] = (factor, .milliwatts)
        }
        return units
    }()
}
