internal import CDroverABI
internal import CFFI

/// One operation of a plug-in's table, callable with ``Argument``s: the marshaller's last step, the same for every operation.
struct Invocation: @unchecked Sendable {
    let signature: Signature
    private let shape: FunctionShape
    private let function: @convention(c) () -> Void

    /// `function` is a C function of exactly the signature's type.
    init(signature: Signature, function: UnsafeRawPointer) throws(PluginError) {
        self.signature = signature
        shape = try FunctionShape(signature)
        self.function = unsafeBitCast(function, to: (@convention(c) () -> Void).self)
    }

    /// Calls the function on this thread. `arguments` have been checked; they, `sink` and `call` are lent for the call.
    /// - Returns: the 64 bits of the result; 0 for void.
    func callAsFunction(
        instance: UnsafeMutableRawPointer?, _ arguments: [Argument], sink: drover_sink, call: drover_call
    ) -> UInt64 {
        let count = signature.parameters.count
        // Each parameter gets 24 bytes, the size of the largest (`drover_call`).
        return withUnsafeTemporaryAllocation(byteCount: 24 * max(1, count), alignment: 8) { slots in
            withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: max(1, count)) { pointers in
                guard let base = slots.baseAddress, let list = pointers.baseAddress else { return 0 }
                let copies = fill(base, list, instance: instance, arguments, sink: sink, call: call)
                defer { for copy in copies { copy.deallocate() } }
                // libffi widens small results to a whole register.
                var result: UInt64 = 0
                ffi_call(shape.cif, function, &result, list)
                return signature.result == .i32 ? UInt64(UInt32(truncatingIfNeeded: result)) : result
            }
        }
    }

    /// Writes the values; returns the copies of byte arguments, to be freed after the call.
    private func fill(
        _ slots: UnsafeMutableRawPointer, _ pointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
        instance: UnsafeMutableRawPointer?, _ arguments: [Argument], sink: drover_sink, call: drover_call
    ) -> [UnsafeMutableRawPointer] {
        var copies: [UnsafeMutableRawPointer] = []
        var next = 0
        for (index, parameter) in signature.parameters.enumerated() {
            let slot = slots + 24 * index
            pointers[index] = slot
            switch parameter {
            case .self: slot.storeBytes(of: instance, as: UnsafeMutableRawPointer?.self)
            case .sink: slot.storeBytes(of: sink, as: drover_sink.self)
            case .call: slot.storeBytes(of: call, as: drover_call.self)
            default:
                Invocation.store(arguments[next], in: slot, copies: &copies)
                next += 1
            }
        }
        return copies
    }

    private static func store(
        _ argument: Argument, in slot: UnsafeMutableRawPointer, copies: inout [UnsafeMutableRawPointer]
    ) {
        switch argument {
        case .i32(let value): slot.storeBytes(of: value, as: Int32.self)
        case .fd(let value): slot.storeBytes(of: value, as: Int32.self)
        case .i64(let value): slot.storeBytes(of: value, as: Int64.self)
        case .u64(let value): slot.storeBytes(of: value, as: UInt64.self)
        case .f64(let value): slot.storeBytes(of: value, as: Double.self)
        case .block(let block): slot.storeBytes(of: block.base, as: UnsafeRawPointer.self)
        case .bytes(let bytes):
            let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 8)
            bytes.withUnsafeBytes {
                if let source = $0.baseAddress { copy.copyMemory(from: source, byteCount: $0.count) }
            }
            copies.append(copy)
            let text = drover_bytes(data: copy.assumingMemoryBound(to: UInt8.self), length: UInt64(bytes.count))
            slot.storeBytes(of: text, as: drover_bytes.self)
        }
    }
}
