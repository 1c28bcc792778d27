internal import CDroverABI
internal import CFFI

/// The C function type of a signature, prepared for libffi once and kept for ever.
final class FunctionShape: @unchecked Sendable {
    let cif: UnsafeMutablePointer<ffi_cif>
    let parameterCount: Int

    /// `drover_bytes`: {pointer, u64}; `drover_sink`: {pointer, pointer}; `drover_call`: {pointer, pointer, i64}.
    private nonisolated(unsafe) static let bytesType = structure([cffi_pointer(), cffi_u64()])
    private nonisolated(unsafe) static let sinkType = structure([cffi_pointer(), cffi_pointer()])
    private nonisolated(unsafe) static let callType = structure([cffi_pointer(), cffi_pointer(), cffi_i64()])

    convenience init(_ signature: Signature) throws(PluginError) {
        try self.init(
            parameters: signature.parameters.map(FunctionShape.type), result: FunctionShape.type(signature.result),
            name: signature.name)
    }

    init(
        parameters: [UnsafeMutablePointer<ffi_type>?], result: UnsafeMutablePointer<ffi_type>?, name: String
    ) throws(PluginError) {
        parameterCount = parameters.count
        cif = .allocate(capacity: 1)
        cif.initialize(to: ffi_cif())
        let types = UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>.allocate(capacity: max(1, parameters.count))
        for (index, type) in parameters.enumerated() { (types + index).initialize(to: type) }
        let status = cffi_prepare(cif, UInt32(parameters.count), result, types)
        guard status == FFI_OK else {
            throw PluginError(.unsupported, "libffi refuses the signature of \(name) (status \(status.rawValue))")
        }
    }

    static func type(_ parameter: Signature.Parameter) -> UnsafeMutablePointer<ffi_type>? {
        switch parameter {
        case .self, .block: cffi_pointer()
        case .i32, .fd: cffi_i32()
        case .i64: cffi_i64()
        case .u64: cffi_u64()
        case .f64: cffi_f64()
        case .text, .bytes: bytesType
        case .sink: sinkType
        case .call: callType
        }
    }

    static func type(_ result: Signature.Result) -> UnsafeMutablePointer<ffi_type>? {
        switch result {
        case .void: cffi_void()
        case .i32: cffi_i32()
        case .i64: cffi_i64()
        case .u64: cffi_u64()
        case .f64: cffi_f64()
        }
    }

    private static func structure(_ members: [UnsafeMutablePointer<ffi_type>?]) -> UnsafeMutablePointer<ffi_type> {
        let elements = UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>.allocate(capacity: members.count + 1)
        for (index, member) in members.enumerated() { (elements + index).initialize(to: member) }
        (elements + members.count).initialize(to: nil)
        let type = UnsafeMutablePointer<ffi_type>.allocate(capacity: 1)
        // size and alignment 0: libffi computes them.
        type.initialize(to: ffi_type(size: 0, alignment: 0, type: UInt16(FFI_TYPE_STRUCT), elements: elements))
        return type
    }
}

extension FunctionShape {
    /// A function that takes a pointer and returns one, such as `get_interface`.
    static func pointerToPointer(name: String) throws(PluginError) -> FunctionShape {
        try FunctionShape(parameters: [cffi_pointer()], result: cffi_pointer(), name: name)
    }
}
