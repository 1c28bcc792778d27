import Model

/// An attribute of a device, or the text a constraint compares it with, so that units do not matter: 16 GiB is 16384 MiB.
struct DeviceAttributeValue: Hashable, Sendable {
    /// As written.
    let text: String
    /// The amount in its unit's base (bytes, bytes a second, Hz, mW), and what kind of unit that is.
    private let quantity: Quantity?

    private struct Quantity: Hashable, Sendable {
        let amount: Double
        let kind: DeviceUnit.Kind
    }

    init(_ attribute: DeviceAttribute) { self.init(text: attribute.text) }

    init(text: String) {
        self.text = text
        let digits = text.prefix { $0.isNumber || $0 == "." || $0 == "-" || $0 == "+" }
        let unit = text[digits.endIndex...].drop { $0 == " " }
        quantity = Double(digits).flatMap { amount in
            DeviceUnit.named(String(unit)).map { Quantity(amount: amount * $0.factor, kind: $0.kind) }
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
}
