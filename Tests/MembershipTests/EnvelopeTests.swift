import Basics
import Testing

@testable import Gossip
@testable import Membership

/// Label and encryption around packets and streams.
@Suite struct EnvelopeTests {
    static let key = [UInt8](repeating: 7, count: 32)
    static let message = StreamMessage.pushPull(
        PushPull(
            isJoin: true,
            nodes: [
                PushPull.NodeState(
                    name: "a", address: GossipAddress(bytes: [10, 0, 0, 1], port: 1), meta: [1], incarnation: 3,
                    standing: .alive, versions: .ours)
            ], userState: [1, 2, 3]))

    static func envelopes() throws -> [Envelope] {
        let ring = try Keyring(keys: [key])
        return [
            Envelope(label: "", keyring: nil), Envelope(label: "prod", keyring: nil),
            Envelope(label: "", keyring: ring), Envelope(label: "prod", keyring: ring),
        ]
    }

    @Test func packetsAndStreamsPassOnlyBetweenEquals() throws {
        let envelopes = try Self.envelopes()
        for (from, sender) in envelopes.enumerated() {
            let packet = try sender.sealPacket([0, 1, 2])
            let stream = try sender.sealStream(Self.message.encoded)
            #expect(packet.count == 3 + sender.packetBytes)
            for (to, receiver) in envelopes.enumerated() {
                // Who has no key takes a sealed packet for one in clear; then it is no message.
                #expect(((try? receiver.openPacket(packet)) == [0, 1, 2]) == (from == to), "\(from) to \(to)")
                var reader = EnvelopeReader(receiver)
                #expect((try? reader.append(stream)) == (from == to ? Self.message : nil), "\(from) to \(to)")
            }
        }
    }

    @Test func streamsComeInPieces() throws {
        for envelope in try Self.envelopes() {
            let stream = try envelope.sealStream(Self.message.encoded)
            var reader = EnvelopeReader(envelope)
            for byte in stream.dropLast() {
                let early = try reader.append([byte])
                #expect(early == nil)
            }
            let read = try reader.append(Array(stream.suffix(1)))
            #expect(read == Self.message)
        }
    }

    @Test func refusalsSayWhy() throws {
        let (open, labelled, sealed) = (try Self.envelopes()[0], try Self.envelopes()[1], try Self.envelopes()[2])
        #expect(throws: EnvelopeError.otherLabel("prod")) { try open.openPacket(try labelled.sealPacket([1])) }
        #expect(throws: EnvelopeError.sealedOtherwise) { try sealed.openPacket([1, 2, 3]) }
        var clear = EnvelopeReader(open)
        #expect(throws: EnvelopeError.noKeyring) { _ = try clear.append(try sealed.sealStream([2])) }
        var strict = EnvelopeReader(sealed)
        #expect(throws: EnvelopeError.sealedOtherwise) { _ = try strict.append(try open.sealStream([2])) }
        var long = EnvelopeReader(sealed)
        #expect(throws: EnvelopeError.self) { _ = try long.append([10, 255, 255, 255, 255]) }
    }

    @Test func hostileBytesNeverTrap() throws {
        var generator = SeededGenerator(seed: 3)
        for envelope in try Self.envelopes() {
            let samples = [try envelope.sealStream(Self.message.encoded), try envelope.sealPacket([0, 0x80])]
            for round in 0..<3_000 {
                var bytes = samples[round % 2]
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
                        in: .min ... .max, using: &generator)
                }
                _ = try? envelope.openPacket(bytes)
                var reader = EnvelopeReader(envelope)
                for start in stride(from: 0, to: bytes.count, by: 11) {
                    guard (try? reader.append(Array(bytes[start..<min(start + 11, bytes.count)]))) != nil else { break }
                }
                if envelope.keyring != nil {
                    let isChanged = bytes != samples[round % 2]
                    #expect(!isChanged || (try? envelope.openPacket(bytes)) == nil, "no change goes unnoticed")
                }
            }
        }
    }
}
