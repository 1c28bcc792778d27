import Basics
import Connections
import Model
import NIOCore
import Raft

@testable import Consensus
@testable import Gossip
@testable import RPC
@testable import SimulatedSeam
@testable import StateStore

/// What reads bytes that others made. Each takes any bytes at all: it reads them or refuses them.
///
/// What was read must also be what is written and read again; a difference traps, which the fuzzer reports.
enum FuzzTarget: String, CaseIterable {
    case gossip
    case frames
    case log
    case snapshot
    case sockets
    case raft
    case part
    case membership
    case envelope

    func run(_ bytes: [UInt8]) {
        switch self {
        case .gossip: FuzzTarget.gossip(bytes)
        case .frames: FuzzTarget.frames(bytes)
        case .log: FuzzTarget.log(bytes)
        case .snapshot: FuzzTarget.snapshot(bytes)
        case .sockets: FuzzTarget.sockets(bytes)
        case .raft: FuzzTarget.raft(bytes)
        case .part: FuzzTarget.part(bytes)
        case .membership: FuzzTarget.membership(bytes)
        case .envelope: FuzzTarget.envelope(bytes)
        }
    }

    /// A datagram, a stream in pieces, and a member that is sent both.
    private static func gossip(_ bytes: [UInt8]) {
        let address = GossipAddress(bytes: [127, 0, 0, 1], port: 7_946)
        var node = GossipNode(name: "s1", address: address, tags: ["role": "server"], seed: 1)
        let start = Uptime(nanoseconds: 0)
        _ = node.step(.start, at: start)
        for message in Packet.read(bytes).messages {
            let again = Packet.read(Packet.join([message.encoded], withChecksum: true))
            precondition(again.messages == [message] && again.failures.isEmpty, "\(message) became \(again)")
        }
        if let message = try? SerfMessage(bytes) {
            precondition((try? SerfMessage(message.encoded)) != nil, "\(message) cannot be read again")
        }
        _ = try? GossipLabel.split(bytes)
        _ = MemberTags.decode(bytes)
        var decoder = StreamDecoder()
        for position in stride(from: 0, to: bytes.count, by: 7) {
            guard let read = try? decoder.append(bytes[position..<min(position + 7, bytes.count)]) else { continue }
            _ = node.step(.request(StreamID(-1), read, from: address), at: start)
            _ = node.step(.response(StreamID(1), read), at: start)
            break
        }
        _ = node.step(.packet(bytes, from: address), at: start + .seconds(1))
    }

    /// A connection's bytes: the same frames however they are cut, and what their bodies say.
    private static func frames(_ bytes: [UInt8]) {
        let whole = decode(bytes, pieceBytes: max(1, bytes.count))
        let pieces = decode(bytes, pieceBytes: 5)
        precondition(whole == pieces, "cut: \(pieces); whole: \(whole)")
        for frame in whole {
            if frame.kind == .hello, let hello = try? Hello(frame.body) {
                let again = try? Hello(hello.bytes)
                precondition(
                    again == hello || hello.name.utf8.count > Hello.nameBytesMax, "\(hello) became \(again as Any)")
            }
            _ = CallError(frameBody: frame.body)
            _ = try? RegisterJob(json: frame.body)
            _ = try? RegisterNode(json: frame.body)
            _ = try? IntroduceServer(json: frame.body)
        }
    }

    private static func decode(_ bytes: [UInt8], pieceBytes: Int) -> [Frame] {
        var decoder = FrameDecoder(frameBytesMax: 1 << 20)
        var frames: [Frame] = []
        for position in stride(from: 0, to: bytes.count, by: pieceBytes) {
            decoder.append(ByteBuffer(bytes: bytes[position..<min(position + pieceBytes, bytes.count)]))
            do {
                while let frame = try decoder.next() { frames.append(frame) }
            } catch {
                break
            }
        }
        return frames
    }

    /// A WebSocket's bytes: the same messages however they are cut, and what those for a program say.
    private static func sockets(_ bytes: [UInt8]) {
        let whole = events(bytes, pieceBytes: max(1, bytes.count))
        let pieces = events(bytes, pieceBytes: 5)
        precondition(whole == pieces, "cut: \(pieces); whole: \(whole)")
        for case .message(let message) in whole {
            guard let json = try? JSONParser.parse(message), let input = try? CommandInput.read(json) else { continue }
            var writer = JSONWriter()
            input.write(to: &writer)
            let again = (try? JSONParser.parse(writer.bytes)).flatMap { try? CommandInput.read($0) }
            precondition(again == input, "\(input) became \(again as Any)")
        }
    }

    private static func events(_ bytes: [UInt8], pieceBytes: Int) -> [WebSocketReader.Event] {
        var reader = WebSocketReader(expectsMask: true, messageBytesMax: 32 << 10)
        var events: [WebSocketReader.Event] = []
        for position in stride(from: 0, to: bytes.count, by: pieceBytes) {
            reader.feed(Array(bytes[position..<min(position + pieceBytes, bytes.count)]))
            do {
                while let event = try reader.next() { events.append(event) }
            } catch {
                break
            }
        }
        return events
    }

    /// A log's segment, whose checksums are made right: what a checksum guards is to be read safely all the same.
    private static func log(_ bytes: [UInt8]) {
        var segment = bytes
        if segment.count >= LogFormat.segmentHeaderBytes {
            segment.replaceSubrange(..<LogFormat.segmentHeaderBytes, with: LogFormat.segmentHeader(sequence: 1))
        }
        seal(&segment)
        let disk = SimulatedDisk()
        do {
            try disk.makeDirectory("/log")
            let file = try disk.open("/log/0000000000000001.wal", create: true, exclusive: true)
            try file.write(segment, at: 0)
            file.close()
        } catch {
            preconditionFailure("the disk refused: \(error)")
        }
        let snapshot = SnapshotMetadata(index: 0, term: 0, membership: Membership(members: []))
        // Room for a segment of the usual size would be most of the work.
        var settings = WriteAheadLog.Settings()
        settings.segmentBytes = 64 << 10
        let log = try? WriteAheadLog.open(disk: disk, folder: "/log", snapshot: snapshot, settings: settings)
        guard let opened = log else { return }
        for entry in opened.recovered.entries {
            guard let read = try? StateEntry(decoding: entry.data) else { continue }
            precondition((try? StateEntry(decoding: read.encoded)) == read, "\(read) cannot be read again")
        }
    }

    /// Gives each batch, as far as one follows the other, its number and its checksum.
    private static func seal(_ segment: inout [UInt8]) {
        var position = LogFormat.segmentHeaderBytes
        var number: UInt64 = 1
        while position + LogFormat.batchHeaderBytes <= segment.count {
            func word(_ offset: Int) -> Int {
                (0..<4).reduce(0) { $0 | Int(segment[position + offset + $1]) << (8 * $1) }
            }
            let end = position + LogFormat.batchHeaderBytes + word(4)
            guard word(0) == Int(LogFormat.batchMagic), end <= segment.count else { return }
            segment.withUnsafeMutableBytes { buffer in
                buffer.storeBytes(of: number.littleEndian, toByteOffset: position + 8, as: UInt64.self)
                let batch = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[position..<end])
                let checksum = LogFormat.batchChecksum(batch)
                buffer.storeBytes(of: checksum.littleEndian, toByteOffset: position + 20, as: UInt32.self)
            }
            position = end
            number += 1
        }
    }

    /// A state's snapshot; what is read is written and read once more.
    private static func snapshot(_ bytes: [UInt8]) {
        guard let tables = read(bytes, pieceBytes: 11) else { return }
        let written = tables.snapshot().encoded
        guard let again = read(written, pieceBytes: max(1, written.count)) else {
            preconditionFailure("a snapshot of what was read cannot be read")
        }
        precondition(again.snapshot().encoded == written, "a snapshot is written in two ways")
    }

    private static func read(_ bytes: [UInt8], pieceBytes: Int) -> StateTables? {
        var reader = SnapshotReader()
        do {
            for position in stride(from: 0, to: bytes.count, by: pieceBytes) {
                try reader.read(Array(bytes[position..<min(position + pieceBytes, bytes.count)]))
            }
            return try reader.finish()
        } catch {
            return nil
        }
    }
}
