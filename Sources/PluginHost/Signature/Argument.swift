internal import Linux

/// A value handed to an operation, in the order of ``Signature/inputs``.
package enum Argument: Sendable {
    case i32(Int32)
    case i64(Int64)
    case u64(UInt64)
    case f64(Double)
    /// `text` and `bytes`.
    case bytes([UInt8])
    /// Borrowed until the operation has finished.
    case fd(Int32)
    case block(Block)

    package static func text(_ text: String) -> Argument { .bytes(Array(text.utf8)) }

    /// The same value in memory that lives as long as it does.
    var owned: Argument { if case .block(let block) = self { .block(block.owned) } else { self } }

    fileprivate func fits(_ parameter: Signature.Parameter) -> Bool {
        switch (self, parameter) {
        case (.i32, .i32), (.i64, .i64), (.u64, .u64), (.f64, .f64), (.bytes, .text), (.bytes, .bytes), (.fd, .fd),
            (.block, .block):
            true
        default: false
        }
    }
}

extension Signature {
    /// Throws ``PluginError/Code/invalid`` when `arguments` are not what the operation takes.
    func check(_ arguments: [Argument]) throws(PluginError) {
        let inputs = inputs
        guard arguments.count == inputs.count, zip(arguments, inputs).allSatisfy({ $0.fits($1) }) else {
            let wanted = inputs.map(\.rawValue).joined(separator: " ")
            throw PluginError(.invalid, "\(name) takes (\(wanted)), got \(arguments.count) other arguments")
        }
    }
}

/// What an operation answered.
package struct Answer: Sendable, Equatable {
    /// DROVER_OK or an error; of an operation without code 0.
    package var code: Int32
    /// The result of operations that return a number rather than a code, as its 64 bits.
    package var scalar: UInt64
    /// What was written to the sink or handed to `complete`: the result, or the message of an error.
    package var bytes: [UInt8]

    package init(code: Int32, scalar: UInt64 = 0, bytes: [UInt8] = []) {
        self.code = code
        self.scalar = scalar
        self.bytes = bytes
    }

    /// What a plug-in answered: its code is one of the ABI's, or is made one; a positive one breaks the ABI's rules.
    init(pluginCode code: Int32, bytes: [UInt8]) {
        if code > 0 {
            let text = "the plug-in answered with code \(code); results are 0, errors negative"
            self.init(PluginError(.garbage, text))
        } else {
            self.init(
                code: code < PluginError.Code.abi.rawValue ? PluginError.Code.internal.rawValue : code, bytes: bytes)
        }
    }

    init(_ error: PluginError) { self.init(code: error.code.rawValue, bytes: Array(error.message.utf8)) }

    /// The result, or the plug-in's error.
    func result() throws(PluginError) -> [UInt8] {
        guard code != 0 else { return bytes }
        let message = String(decoding: bytes.prefix(16 << 10), as: UTF8.self)
        if let hostCode = PluginError.Code(rawValue: code), code <= PluginError.Code.crashed.rawValue {
            throw PluginError(hostCode, message)
        }
        throw PluginError(abiCode: code, message: message)
    }
}

/// Arguments and answers as bytes between two processes of one machine: numbers in machine order, bytes with a length in front.
enum ArgumentCoding {
    /// Appends `arguments`; descriptors go into `descriptors`, shared memory by the number that `share` gives it.
    static func encode(
        _ arguments: [Argument], to wire: inout WireWriter, descriptors: inout [Int32],
        share: (SharedMemory) -> UInt32
    ) {
        for argument in arguments {
            switch argument {
            case .i32(let value): wire.u64(UInt64(bitPattern: Int64(value)))
            case .i64(let value): wire.u64(UInt64(bitPattern: value))
            case .u64(let value): wire.u64(value)
            case .f64(let value): wire.u64(value.bitPattern)
            case .bytes(let bytes): wire.bytes(bytes)
            case .fd(let number):
                wire.u64(UInt64(descriptors.count))
                descriptors.append(number)
            case .block(let block):
                let number = block.shared.map(share) ?? 0
                wire.u32(number)
                wire.u64(UInt64(block.length))
                if number == 0 { wire.aligned(block.bytes) }
            }
        }
    }

    /// Reads the arguments of `signature`; `descriptors` are those that came with them, `memory` finds shared memory by number.
    static func decode(
        _ signature: Signature, from wire: inout WireReader, descriptors: [FileDescriptor],
        memory: (UInt32) -> SharedMemory?
    ) throws(PluginError) -> [Argument] {
        var arguments: [Argument] = []
        for parameter in signature.inputs {
            switch parameter {
            case .i32: arguments.append(.i32(Int32(truncatingIfNeeded: try wire.u64())))
            case .i64: arguments.append(.i64(Int64(bitPattern: try wire.u64())))
            case .u64: arguments.append(.u64(try wire.u64()))
            case .f64: arguments.append(.f64(Double(bitPattern: try wire.u64())))
            case .text, .bytes: arguments.append(.bytes(try wire.bytes()))
            case .fd:
                let index = Int(truncatingIfNeeded: try wire.u64())
                guard descriptors.indices.contains(index) else { throw WireReader.short("a descriptor") }
                arguments.append(.fd(descriptors[index].number))
            case .block: arguments.append(.block(try block(from: &wire, memory: memory)))
            case .self, .sink, .call: break
            }
        }
        return arguments
    }

    private static func block(
        from wire: inout WireReader, memory: (UInt32) -> SharedMemory?
    ) throws(PluginError) -> Block {
        let number = try wire.u32()
        let length = Int(truncatingIfNeeded: try wire.u64())
        guard number != 0 else { return try wire.aligned(length) }
        guard let shared = memory(number), length >= 0, length <= shared.length else {
            throw WireReader.short("shared memory \(number) of \(length) bytes")
        }
        return Block(shared, length: length)
    }
}
