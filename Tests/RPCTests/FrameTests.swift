import Basics
import NIOCore
import Testing

@testable import RPC

struct FrameTests {
    private static let hello = Hello(role: .client, name: "n1", bodyBytesMax: 0x0400_0000, streamWindowBytes: 0x4_0000)

    @Test func frameBytesAreGolden() {
        var buffer = ByteBuffer()
        Frame.write(.hello, id: 0, body: FrameTests.hello.bytes, to: &buffer)
        Frame.write(
            .call, flags: Frame.isCancellable, method: 0x0102, id: 7, prefix: 30_000, body: Array("ask".utf8),
            to: &buffer)
        Frame.write(.error, id: 7, body: CallError(.notFound, "no").frameBody, to: &buffer)
        let expected: [UInt8] = [
            0x22, 0, 0, 0,  // 34 bytes follow
            1, 0, 0, 0, 0, 0, 0, 0,  // hello, no flags, no method, id 0
            0x44, 0x52, 0x4f, 0x56, 0x45, 0x52, 0x50, 0x43,  // "DROVERPC"
            1, 0, 1, 0,  // versions 1 to 1
            2, 0, 2, 0,  // a client, a name of 2 bytes
            0, 0, 0, 4, 0, 0, 4, 0,  // bodies to 64 MiB, streams to 256 KiB ahead
            0x6e, 0x31,  // "n1"
            0x0f, 0, 0, 0,  // 15 bytes follow
            2, 2, 0x02, 0x01, 7, 0, 0, 0,  // call, cancellable, method 0x0102, id 7
            0x30, 0x75, 0, 0,  // within 30,000 ms
            0x61, 0x73, 0x6b,  // "ask"
            0x0c, 0, 0, 0,  // 12 bytes follow
            5 - 1, 0, 0, 0, 7, 0, 0, 0,  // error, id 7
            0x94, 0x01, 0x6e, 0x6f,  // code 404, "no"
        ]
        #expect(Array(buffer.readableBytesView) == expected)
    }

    /// However the bytes are split, the same frames come out.
    @Test(arguments: 1...40)
    func splittingDoesNotMatter(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let frames = randomFrames(using: &generator)
        var bytes = ByteBuffer()
        for frame in frames {
            Frame.write(
                frame.kind, flags: frame.flags, method: frame.method, id: frame.id, body: frame.body, to: &bytes)
        }
        var decoder = FrameDecoder(frameBytesMax: 4_096)
        var found: [Frame] = []
        while bytes.readableBytes > 0 {
            let count = min(bytes.readableBytes, Int.random(in: 1...200, using: &generator))
            if let piece = bytes.readSlice(length: count) { decoder.append(piece) }
            while let frame = try decoder.next() { found.append(frame) }
        }
        #expect(found == frames)
    }

    /// Random bytes, and good bytes with some changed: frames or an error, never a crash, and no more than the limit is
    /// kept.
    @Test(arguments: 1...200)
    func anyBytesAreSurvived(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var bytes = ByteBuffer()
        if Bool.random(using: &generator) {
            for frame in randomFrames(using: &generator) {
                Frame.write(
                    frame.kind, flags: frame.flags, method: frame.method, id: frame.id, body: frame.body, to: &bytes)
            }
        }
        var raw = Array(bytes.readableBytesView)
        for _ in 0..<Int.random(in: 1...40, using: &generator) {
            let byte = UInt8.random(in: 0...255, using: &generator)
            if raw.isEmpty || Bool.random(using: &generator) {
                raw.append(byte)
            } else {
                raw[Int.random(in: 0..<raw.count, using: &generator)] = byte
            }
        }
        var decoder = FrameDecoder(frameBytesMax: 4_096)
        for start in stride(from: 0, to: raw.count, by: 61) {
            decoder.append(ByteBuffer(bytes: raw[start..<min(raw.count, start + 61)]))
            do {
                while let frame = try decoder.next() {
                    #expect(frame.body.count <= 4_096)
                    if frame.kind == .hello { _ = try? Hello(frame.body) }
                    if frame.kind == .error { _ = CallError(frameBody: frame.body) }
                }
            } catch { return }
        }
    }

    @Test(arguments: [
        (bytes: Array("GET / HTTP/1.1\r\n".utf8), FrameError.noHello),
        ([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0], .noHello),
        ([3, 0, 0, 0, 1, 0, 0], .noHello), ([8, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0], .unknownKind(99)),
        ([8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], .noHello),
    ])
    func wrongFirstBytesAreNamed(bytes: [UInt8], expected: FrameError) {
        var decoder = FrameDecoder(frameBytesMax: 4_096)
        decoder.append(ByteBuffer(bytes: bytes))
        #expect(throws: expected) { try decoder.next() }
    }

    @Test func versionsMustMeet() throws {
        var newer = FrameTests.hello
        (newer.versionMin, newer.versionMax) = (2, 3)
        #expect(try Hello(newer.bytes + [1, 2, 3]) == newer, "what a later release adds is skipped")
        #expect(FrameTests.hello.mismatch(with: newer)?.contains("n1 speaks 2 to 3, this end 1 to 1") == true)
        newer.versionMin = 1
        #expect(FrameTests.hello.mismatch(with: newer) == nil)
    }

    private func randomFrames(using generator: inout SeededGenerator) -> [Frame] {
        let first = Frame(kind: .hello, body: FrameTests.hello.bytes)
        return [first]
            + (0..<20).map { _ in
                let kinds = Frame.Kind.allCases.filter { $0 != .hello }
                let body = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
                return Frame(
                    kind: kinds.randomElement(using: &generator) ?? .ping,
                    flags: .random(in: 0...255, using: &generator),
                    method: .random(in: 0 ... .max, using: &generator), id: .random(in: 0 ... .max, using: &generator),
                    body: body)
            }
    }
}
