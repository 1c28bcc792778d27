internal import Linux

/// One message between the agent and a plug-in's process.
struct Frame {
    enum Kind: UInt8 {
        /// Agent to host, first: a JSON object, see ``HostSettings``.
        case configure = 1
        /// Host to agent, second: the instance is there; a JSON object.
        case ready = 2
        /// Host to agent instead of ready: code and message.
        case failed = 3
        /// Either way: operation, interface, arguments; answered by `reply` of the same number.
        case request = 4
        case reply = 5
        /// The caller of the request of this number no longer wants the answer; it still comes.
        case cancel = 6
        /// A request that is not answered.
        case notice = 7
        /// Agent to host: the descriptor is shared memory of this number.
        case memory = 8
        /// Agent to host: the number is not used again.
        case forget = 9
        /// Agent to host: destroy the instance and end.
        case stop = 10
    }

    var kind: Kind
    /// Of the request; or of shared memory.
    var number: UInt64
    /// When the answer is worthless, nanoseconds of CLOCK_BOOTTIME; 0: never.
    var deadline: Int64 = 0
    var payload: [UInt8] = []
    var descriptors: [FileDescriptor] = []

    /// Length, kind, descriptor count, two bytes of zero, number, deadline.
    static let headerBytes = 24
    /// Longer payloads break the connection.
    static let payloadBytesMax = 128 << 20
    static let descriptorsMax = 8

    func header() -> [UInt8] {
        var wire = WireWriter(capacity: Frame.headerBytes)
        wire.u32(UInt32(payload.count))
        wire.u32(UInt32(kind.rawValue))
        wire.u64(number)
        wire.u64(UInt64(bitPattern: deadline))
        return wire.bytes
    }

    /// A JSON payload.
    var json: [UInt8] { payload }
}

/// An operation on the wire, inside a `request` or `notice`.
struct WireRequest {
    var interface: Interface
    var operation: Int
    var arguments: [Argument]

    static func encode(
        _ interface: Interface, _ operation: Int, _ arguments: [Argument], descriptors: inout [Int32],
        share: (SharedMemory) -> UInt32
    ) -> [UInt8] {
        var wire = WireWriter()
        wire.u32(UInt32(operation))
        wire.text(interface.id)
        ArgumentCoding.encode(arguments, to: &wire, descriptors: &descriptors, share: share)
        return wire.bytes
    }

    init(
        _ frame: Frame, interfaces: (String) -> Interface?, memory: (UInt32) -> SharedMemory?
    ) throws(PluginError) {
        var wire = WireReader(frame.payload[...])
        operation = Int(try wire.u32())
        let id = try wire.text()
        guard let interface = interfaces(id), interface.operations.indices.contains(operation) else {
            throw PluginError(.unsupported, "operation \(operation) of interface \(id) is unknown here")
        }
        self.interface = interface
        arguments = try ArgumentCoding.decode(
            interface.operations[operation], from: &wire, descriptors: frame.descriptors, memory: memory)
    }
}

extension Answer {
    var payload: [UInt8] {
        var wire = WireWriter(capacity: 16 + bytes.count)
        wire.u32(UInt32(bitPattern: code))
        wire.u64(scalar)
        return wire.bytes + bytes
    }

    init(payload: [UInt8]) throws(PluginError) {
        var wire = WireReader(payload[...])
        code = Int32(bitPattern: try wire.u32())
        scalar = try wire.u64()
        bytes = wire.rest()
    }
}
