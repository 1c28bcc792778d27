extension JSON {
    /// The value as UTF-8 text for readers: four spaces a level, as Nomad's API and command line indent.
    public var prettyBytes: [UInt8] {
        var out: [UInt8] = []
        writePretty(indent: 0, to: &out)
        return out
    }

    public var prettyText: String { String(decoding: prettyBytes, as: UTF8.self) }

    private func writePretty(indent: Int, to out: inout [UInt8]) {
        switch self {
        case .array(let items) where !items.isEmpty:
            out.append(UInt8(ascii: "["))
            for (position, item) in items.enumerated() {
                JSON.separate(position, indent: indent + 1, to: &out)
                item.writePretty(indent: indent + 1, to: &out)
            }
            JSON.newline(indent, to: &out)
            out.append(UInt8(ascii: "]"))
        case .object(let object) where !object.isEmpty:
            out.append(UInt8(ascii: "{"))
            for (position, member) in object.members.enumerated() {
                JSON.separate(position, indent: indent + 1, to: &out)
                out += JSON.string(member.key).bytes
                out += ": ".utf8
                member.value.writePretty(indent: indent + 1, to: &out)
            }
            JSON.newline(indent, to: &out)
            out.append(UInt8(ascii: "}"))
        default: out += bytes
        }
    }

    private static func separate(_ position: Int, indent: Int, to out: inout [UInt8]) {
        if position > 0 { out.append(UInt8(ascii: ",")) }
        newline(indent, to: &out)
    }

    private static func newline(_ indent: Int, to out: inout [UInt8]) {
        out.append(0x0a)
        for _ in 0..<(indent * 4) { out.append(0x20) }
    }
}
