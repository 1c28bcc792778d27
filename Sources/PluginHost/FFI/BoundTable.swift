internal import CDroverABI
internal import CFFI

/// Arguments of a call that a plug-in makes on its host; borrowed for the call.
struct HostArguments {
    let signature: Signature
    fileprivate let slots: UnsafeMutablePointer<UnsafeMutableRawPointer?>?

    /// The parameter at `index` of the signature, which must have the type asked for.
    func load<Value>(_ index: Int, as type: Value.Type) -> Value {
        guard let slot = slots?[index] else { preconditionFailure("libffi gave no argument \(index)") }
        return slot.loadUnaligned(as: type)
    }

    func text(_ index: Int) -> drover_text { load(index, as: drover_text.self) }
    func i32(_ index: Int) -> Int32 { load(index, as: Int32.self) }
    func i64(_ index: Int) -> Int64 { load(index, as: Int64.self) }
    func f64(_ index: Int) -> Double { load(index, as: Double.self) }
    func block(_ index: Int) -> UnsafeRawPointer? { load(index, as: UnsafeRawPointer?.self) }
    func sink(_ index: Int) -> drover_sink { load(index, as: drover_sink.self) }
    func call(_ index: Int) -> drover_call { load(index, as: drover_call.self) }

    /// Answers for an instance that is gone: the code, in the sink, by completing the call, or nothing at all.
    fileprivate func refuse(_ code: Int32, _ message: String) -> HostResult {
        for (index, parameter) in signature.parameters.enumerated() {
            if parameter == .sink { return .code(sink(index).fail(code, message)) }
            if parameter == .call { drover_call_complete(call(index), code, message) }
        }
        return signature.result == .i32 ? .code(code) : .none
    }
}

/// What a host function returns.
enum HostResult {
    case none
    case code(Int32)
    case i64(Int64)
    case u64(UInt64)

    fileprivate var bits: UInt64 {
        switch self {
        case .none: 0
        case .code(let code): UInt64(bitPattern: Int64(code))
        case .i64(let value): UInt64(bitPattern: value)
        case .u64(let value): value
        }
    }
}

/// One interface of the host as Swift implements it.
protocol HostInterface: Sendable {
    /// Its id, such as "drover.log/1"; the signatures come from the ABI.
    var id: String { get }

    /// Carries out operation `operation` of the table, on the plug-in's thread.
    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult

    /// The instance is gone: end what it left open.
    func revoke()
}

/// A C table of the host bound to one instance: every entry is a libffi closure that knows whose it is.
///
/// The ABI's host functions take no context, so identity, grants and revocation live in the closure. Tables and closures are never
/// freed: a plug-in's stray thread may call them at any time, and gets DROVER_E_REVOKED after ``HostBinding/revoke()``.
final class BoundTable: @unchecked Sendable {
    /// The table, as handed to the plug-in.
    let table: UnsafeRawPointer
    private let entries: [Entry]

    /// One function of the table.
    private final class Entry: @unchecked Sendable {
        let signature: Signature
        let operation: Int
        let interface: any HostInterface
        let binding: HostBinding
        let shape: FunctionShape

        init(
            _ signature: Signature, _ operation: Int, _ interface: any HostInterface, _ binding: HostBinding
        )
            throws(PluginError)
        {
            self.signature = signature
            self.operation = operation
            self.interface = interface
            self.binding = binding
            shape = try FunctionShape(signature)
        }
    }

    init(_ interface: any HostInterface, binding: HostBinding) throws(PluginError) {
        guard let description = try Interface(id: interface.id, manifest: nil) else {
            throw PluginError(.internal, "the ABI has no interface \(interface.id)")
        }
        let count = description.operations.count
        let size = Interface.offset(of: count)
        let table = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
        table.storeBytes(of: UInt32(size), toByteOffset: 0, as: UInt32.self)
        table.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
        var entries: [Entry] = []
        for (index, signature) in description.operations.enumerated() {
            let entry = try Entry(signature, index, interface, binding)
            let code = try BoundTable.closure(entry)
            table.storeBytes(of: code, toByteOffset: Interface.offset(of: index), as: UnsafeRawPointer.self)
            entries.append(entry)
        }
        self.entries = entries
        self.table = UnsafeRawPointer(table)
    }

    private static func closure(_ entry: Entry) throws(PluginError) -> UnsafeRawPointer {
        try closure(entry.shape, name: entry.signature.name, context: Unmanaged.passRetained(entry).toOpaque()) {
            _, result, slots, context in
            guard let context, let result else { return }
            let entry = Unmanaged<Entry>.fromOpaque(context).takeUnretainedValue()
            let arguments = HostArguments(signature: entry.signature, slots: slots)
            let answer =
                entry.binding.enter()
                ? entry.interface.invoke(entry.operation, arguments)
                : arguments.refuse(
                    DROVER_E_REVOKED, "this instance of \(entry.binding.identity.name) has been destroyed")
            if entry.signature.result != .void { result.storeBytes(of: answer.bits, as: UInt64.self) }
        }
    }

    typealias Trampoline =
        @convention(c) (
            UnsafeMutablePointer<ffi_cif>?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
            UnsafeMutableRawPointer?
        ) -> Void

    /// A C function of `shape` that runs `body` with `context`; lives for ever.
    static func closure(
        _ shape: FunctionShape, name: String, context: UnsafeMutableRawPointer, _ body: @escaping Trampoline
    ) throws(PluginError) -> UnsafeRawPointer {
        var code: UnsafeMutableRawPointer?
        let memory = ffi_closure_alloc(MemoryLayout<ffi_closure>.size, &code)
        guard let closure = memory?.assumingMemoryBound(to: ffi_closure.self), let code else {
            throw PluginError(.internal, "libffi has no memory for the closure of \(name)")
        }
        guard ffi_prep_closure_loc(closure, shape.cif, body, context, code) == FFI_OK else {
            throw PluginError(.internal, "libffi cannot make the closure of \(name)")
        }
        return UnsafeRawPointer(code)
    }
}

extension drover_sink {
    /// Writes the message of an error and returns its code.
    func fail(_ code: Int32, _ message: String) -> Int32 {
        _ = self.write(bytes: Array(message.utf8))
        return code
    }

    /// Writes `bytes`; returns the sink's code.
    func write(bytes: [UInt8]) -> Int32 {
        guard let write else { return DROVER_OK }
        return bytes.withABI { write(context, $0) }
    }
}

/// Completes a plug-in's call.
func drover_call_complete(_ call: drover_call, _ code: Int32, _ message: String) {
    guard let complete = call.functions?.pointee.complete else { return }
    Array(message.utf8).withABI { complete(call.context, code, $0) }
}
