extension StandardFunctions {
    static let networks: FunctionTable = [
        "cidrhost": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let block = try a.block(0)
            let number = try a.int(1)
            let size = block.address.width - block.prefix
            let magnitude = UInt128(number.magnitude)
            guard size >= 64 || magnitude < (UInt128(1) << UInt128(size)) + (number < 0 ? 1 : 0) else {
                throw a.fault(1, "the network has only \(size) host bits")
            }
            let mask = block.hostMask
            let host = number < 0 ? (mask &- magnitude &+ 1) & mask : magnitude
            return .string(block.address.with(block.network | host).description)
        },
        "cidrnetmask": Function(1) { (a: inout Arguments) throws(FunctionError) in
            let block = try a.block(0)
            guard block.address.width == 32 else { throw a.fault(0, "an IPv6 network has no netmask") }
            return .string(block.address.with(~block.hostMask & 0xFFFF_FFFF).description)
        },
        "cidrsubnet": Function(3) { (a: inout Arguments) throws(FunctionError) in
            let block = try a.block(0)
            let (bits, number) = (try a.nonNegative(1), try a.int(2))
            return .string(try block.subnet(bits, number).description)
        },
        "cidrsubnets": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            let block = try a.block(0)
            var results: [Value] = []
            var next = block.network
            for index in 1..<Swift.max(1, a.count) {
                let prefix = block.prefix + (try a.nonNegative(index))
                guard prefix <= block.address.width, prefix > block.prefix else {
                    throw a.fault(index, "the subnet would need a prefix of \(prefix) bits")
                }
                let size = UInt128(1) << UInt128(block.address.width - prefix)
                let start = (next &+ size &- 1) & ~(size &- 1)
                guard start | block.hostMask == block.network | block.hostMask, start >= next else {
                    throw a.fault(index, "there is no room left in \(block.description)")
                }
                results.append(.string(CIDRBlock(address: block.address.with(start), prefix: prefix).description))
                next = start &+ size
            }
            return .list(results)
        },
    ]
}

extension Arguments {
    fileprivate func block(_ index: Int) throws(FunctionError) -> CIDRBlock {
        let text = try string(index)
        guard let block = CIDRBlock(text) else {
            throw fault(index, "\"\(text.prefix(60))\" is not an address and prefix such as 10.0.0.0/8")
        }
        return block
    }
}

/// An address and the length of its network part.
private struct CIDRBlock {
    let address: IPAddress
    let prefix: Int

    init(address: IPAddress, prefix: Int) {
        self.address = address
        self.prefix = prefix
    }

    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(parts[0]), let prefix = Int(parts[1]),
            (0...address.width).contains(prefix)
        else { return nil }
        self.init(address: address, prefix: prefix)
    }

    var hostMask: UInt128 {
        let bits = address.width - prefix
        return bits == 128 ? UInt128.max : (UInt128(1) << UInt128(bits)) - 1
    }

    var network: UInt128 { address.value & ~hostMask }

    var description: String { "\(address.description)/\(prefix)" }

    func subnet(_ bits: Int, _ number: Int) throws(FunctionError) -> CIDRBlock {
        let longer = prefix + bits
        guard longer <= address.width else {
            throw FunctionError("A prefix of \(longer) bits is longer than the address.")
        }
        guard number >= 0, bits >= 63 || number < 1 << bits else {
            throw FunctionError("\(bits) bits have no subnet number \(number).")
        }
        let shift = UInt128(address.width - longer)
        let value = shift >= 128 ? network : network | (UInt128(number) << shift)
        return CIDRBlock(address: address.with(value), prefix: longer)
    }
}

/// An IPv4 or IPv6 address as a number.
private struct IPAddress {
    let value: UInt128
    /// 32 or 128.
    let width: Int

    func with(_ value: UInt128) -> IPAddress { IPAddress(value: value, width: width) }

    init(value: UInt128, width: Int) {
        self.value = value
        self.width = width
    }

    init?(_ text: Substring) {
        if text.contains(":") {
            guard let value = Self.six(text) else { return nil }
            self.init(value: value, width: 128)
        } else {
            guard let value = Self.four(text) else { return nil }
            self.init(value: value, width: 32)
        }
    }

    private static func four(_ text: Substring) -> UInt128? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt128 = 0
        for part in parts {
            guard part.count <= 3, let byte = UInt8(part) else { return nil }
            value = value << 8 | UInt128(byte)
        }
        return value
    }

    private static func six(_ text: Substring) -> UInt128? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2, let head = groups(halves[0]) else { return nil }
        var all = head
        if halves.count == 2 {
            guard let tail = groups(halves[1]), head.count + tail.count < 8 else { return nil }
            all += Array(repeating: 0, count: 8 - head.count - tail.count) + tail
        }
        guard all.count == 8 else { return nil }
        return all.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
    }

    private static func groups(_ text: Substring) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        for part in text.split(separator: ":", omittingEmptySubsequences: false) {
            if part.contains(".") {
                guard let value = four(part) else { return nil }
                groups += [UInt16(value >> 16), UInt16(value & 0xFFFF)]
            } else {
                guard !part.isEmpty, part.count <= 4, let group = UInt16(part, radix: 16) else { return nil }
                groups.append(group)
            }
        }
        return groups
    }

    /// Dotted decimal, or the shortest IPv6 form (RFC 5952).
    var description: String {
        if width == 32 {
            return (0..<4).map { String(UInt8(value >> UInt128(24 - 8 * $0) & 255)) }.joined(separator: ".")
        }
        let groups = (0..<8).map { UInt16(value >> UInt128(112 - 16 * $0) & 0xFFFF) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(1, best.count) { best = start..<end }
            start = max(end, start + 1)
        }
        func text(_ part: some Sequence<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? text(groups) : text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }
}
