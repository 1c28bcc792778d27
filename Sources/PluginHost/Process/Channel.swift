internal import Glibc
internal import Linux
internal import Synchronization

/// A connected socket that carries ``Frame``s, with descriptors (SCM_RIGHTS, unix(7)).
///
/// Any thread may send; one thread receives. A peer that takes nothing for five seconds counts as hung: sending then fails and the
/// connection must be given up.
final class Channel: @unchecked Sendable {
    let socket: FileDescriptor
    private let sending = Condition()
    private var isBroken = false
    // Of the receiving thread:
    private var buffer: [UInt8] = []
    private var first = 0
    private var arrived: [FileDescriptor] = []
    private let chunk = UnsafeMutableRawPointer.allocate(byteCount: chunkBytes, alignment: 16)
    private let control = UnsafeMutableRawPointer.allocate(byteCount: controlBytes, alignment: 16)

    private static let chunkBytes = 64 << 10
    private static let controlBytes = 256
    /// Size of `struct cmsghdr`: length, level, type.
    private static let controlHeaderBytes = 16

    init(_ socket: FileDescriptor) {
        self.socket = socket
        // struct timeval: seconds and microseconds.
        var limit: (Int, Int) = (5, 0)
        setsockopt(socket.number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<(Int, Int)>.size))
    }

    deinit {
        chunk.deallocate()
        control.deallocate()
    }

    /// Two connected ends, close-on-exec.
    static func pair() throws(LinuxError) -> (FileDescriptor, FileDescriptor) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        try systemCall("socketpair") { socketpair(AF_UNIX, type, 0, &ends) }
        return (FileDescriptor(owning: ends[0]), FileDescriptor(owning: ends[1]))
    }

    // MARK: - Sending

    /// Sends a frame; `descriptors` are copied into the receiver and stay open here.
    func send(_ frame: Frame, descriptors: [Int32] = []) throws(LinuxError) {
        var header = frame.header()
        header[5] = UInt8(min(descriptors.count, Frame.descriptorsMax))
        let result = sending.locked { () -> Result<Void, LinuxError> in
            Result { () throws(LinuxError) in
                guard !isBroken else { throw LinuxError(call: "send", path: "plug-in host", errno: EPIPE) }
                do throws(LinuxError) {
                    try write(header, frame.payload, descriptors)
                } catch {
                    // Half a frame may be out: nothing sensible can follow.
                    isBroken = true
                    throw error
                }
            }
        }
        try result.get()
    }

    private func write(_ header: [UInt8], _ payload: [UInt8], _ descriptors: [Int32]) throws(LinuxError) {
        var done = 0
        let total = header.count + payload.count
        var pending = descriptors
        while done < total {
            let sent = header.withUnsafeBytes { header in
                payload.withUnsafeBytes { payload in
                    Result { () throws(LinuxError) in try writeOnce(header, payload, from: done, pending) }
                }
            }
            done += try sent.get()
            pending = []
        }
    }

    private func writeOnce(
        _ header: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer, from done: Int, _ descriptors: [Int32]
    ) throws(LinuxError) -> Int {
        var parts: [iovec] = []
        for (part, start) in [(header, 0), (payload, header.count)] {
            let skipped = max(0, done - start)
            guard skipped < part.count, let base = part.baseAddress else { continue }
            parts.append(
                iovec(iov_base: UnsafeMutableRawPointer(mutating: base + skipped), iov_len: part.count - skipped))
        }
        var message = msghdr()
        return try withUnsafeTemporaryAllocation(byteCount: Channel.controlBytes, alignment: 16) { control in
            let parts = UnsafeMutableBufferPointer<iovec>.allocateCopy(of: parts)
            defer { parts.deallocate() }
            message.msg_iov = parts.baseAddress
            message.msg_iovlen = parts.count
            if !descriptors.isEmpty, let base = control.baseAddress {
                message.msg_control = base
                message.msg_controllen = Channel.fill(base, descriptors)
            }
            return Result { () throws(LinuxError) in
                try systemCall("sendmsg", "plug-in host") { sendmsg(socket.number, &message, Int32(MSG_NOSIGNAL)) }
            }
        }.get()
    }

    /// Writes one SCM_RIGHTS control message; returns its length.
    private static func fill(_ control: UnsafeMutableRawPointer, _ descriptors: [Int32]) -> Int {
        let length = controlHeaderBytes + 4 * descriptors.count
        control.storeBytes(of: UInt64(length), as: UInt64.self)
        control.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
        control.storeBytes(of: Int32(SCM_RIGHTS), toByteOffset: 12, as: Int32.self)
        for (index, descriptor) in descriptors.enumerated() {
            control.storeBytes(of: descriptor, toByteOffset: controlHeaderBytes + 4 * index, as: Int32.self)
        }
        return (length + 7) / 8 * 8
    }

    // MARK: - Receiving

    /// The next frame if it is complete in the buffer, or nil: call ``fill()``.
    func next() throws(PluginError) -> Frame? {
        guard buffer.count - first >= Frame.headerBytes else { return nil }
        var wire = WireReader(buffer[first..<first + Frame.headerBytes])
        let length = Int(try wire.u32())
        let word = try wire.u32()
        let number = try wire.u64()
        let deadline = Int64(bitPattern: try wire.u64())
        let count = Int(word >> 8 & 0xff)
        guard let kind = Frame.Kind(rawValue: UInt8(word & 0xff)), word >> 16 == 0, length <= Frame.payloadBytesMax,
            count <= Frame.descriptorsMax
        else { throw PluginError(.garbage, "a message with a header that no host of this version writes") }
        let end = first + Frame.headerBytes + length
        guard buffer.count >= end else {
            buffer.reserveCapacity(end - first + Channel.chunkBytes)
            return nil
        }
        guard arrived.count >= count else { throw PluginError(.garbage, "a message without its descriptors") }
        let payload = Array(buffer[first + Frame.headerBytes..<end])
        let descriptors = Array(arrived.prefix(count))
        arrived.removeFirst(count)
        first = end
        if first == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 20)
            first = 0
        }
        return Frame(kind: kind, number: number, deadline: deadline, payload: payload, descriptors: descriptors)
    }

    /// Reads what is there, waiting if there is nothing; false at the end.
    func fill() throws(LinuxError) -> Bool {
        if first > 0 {
            buffer.removeFirst(first)
            first = 0
        }
        var part = iovec(iov_base: chunk, iov_len: Channel.chunkBytes)
        var message = msghdr()
        let got = try withUnsafeMutablePointer(to: &part) { part in
            Result { () throws(LinuxError) in
                message.msg_iov = part
                message.msg_iovlen = 1
                return try systemCall("recvmsg", "plug-in host") {
                    message.msg_control = control
                    message.msg_controllen = Channel.controlBytes
                    return recvmsg(socket.number, &message, Int32(MSG_CMSG_CLOEXEC))
                }
            }
        }.get()
        takeDescriptors(message)
        guard got > 0 else { return false }
        buffer.append(contentsOf: UnsafeRawBufferPointer(start: chunk, count: got))
        return true
    }

    private func takeDescriptors(_ message: msghdr) {
        var at = 0
        while at + Channel.controlHeaderBytes <= message.msg_controllen {
            let length = Int(control.load(fromByteOffset: at, as: UInt64.self))
            guard length >= Channel.controlHeaderBytes, at + length <= message.msg_controllen else { return }
            let level = control.load(fromByteOffset: at + 8, as: Int32.self)
            let type = control.load(fromByteOffset: at + 12, as: Int32.self)
            if level == SOL_SOCKET, type == Int32(SCM_RIGHTS) {
                for index in 0..<(length - Channel.controlHeaderBytes) / 4 {
                    let number = control.load(
                        fromByteOffset: at + Channel.controlHeaderBytes + 4 * index, as: Int32.self)
                    arrived.append(FileDescriptor(owning: number))
                }
            }
            at += (length + 7) / 8 * 8
        }
    }
}

extension UnsafeMutableBufferPointer {
    /// New memory with the elements of `array`; the caller frees it.
    fileprivate static func allocateCopy(of array: [Element]) -> UnsafeMutableBufferPointer {
        let copy = UnsafeMutableBufferPointer.allocate(capacity: array.count)
        _ = copy.initialize(from: array)
        return copy
    }
}
