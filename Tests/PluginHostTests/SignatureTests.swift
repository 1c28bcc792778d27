import Basics
import CDroverABI
import Linux
import PluginHostTestSupport
import Testing

@testable import PluginHost

/// The marshaller: lines are read strictly, arguments survive the way through another process byte for byte.
@Suite struct SignatureTests {
    @Test(arguments: [
        DROVER_DRIVER_1, DROVER_SCHEDULER_1, DROVER_SCORERS_1, DROVER_FINGERPRINT_1, DROVER_DEVICE_1, DROVER_SELFTEST_1,
        DROVER_LOG_1, DROVER_METRICS_1, DROVER_EVENT_1, DROVER_KV_1, DROVER_CLOCK_1, DROVER_DIRS_1, DROVER_EXECUTOR_1,
    ])
    func readsEveryInterfaceOfTheABI(id: String) throws {
        let interface = try #require(try Interface(id: id, manifest: nil))
        #expect(!interface.operations.isEmpty)
        for signature in interface.operations { _ = try FunctionShape(signature) }
    }

    @Test(arguments: [
        ("f self -> void", "begin with \"name:\""), ("f: self i32", "end with \"-> result\""),
        ("f: i32 -> i33", "unknown result \"i33\"; allowed: void i32 i64 u64 f64"),
        ("f: i32 self -> void", "\"self\" can only come first"), ("f: sink call -> void", "at most one"),
        ("f: i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 -> void", "more than 16 parameters"),
        (String(repeating: "f: -> void\n", count: 65), "65 signature lines; at most 64"),
    ])
    func refusesBadLines(line: String, message: String) {
        do {
            _ = try Signature.parse(line)
            Issue.record("accepted \(line)")
        } catch {
            #expect(error.message.contains(message))
        }
    }

    @Test func argumentsSurviveTheWire() throws {
        let signature = try Signature.parse("f: self i32 i64 u64 f64 text bytes block sink -> i32")[0]
        let block = [UInt8](0...31).withUnsafeBytes { Block(copying: $0) }
        let arguments: [Argument] = [
            .i32(-5), .i64(.min), .u64(.max), .f64(-0.0), .text("naïve"), .bytes([0, 255]), .block(block),
        ]
        try signature.check(arguments)
        var wire = WireWriter()
        var descriptors: [Int32] = []
        ArgumentCoding.encode(arguments, to: &wire, descriptors: &descriptors) { _ in 0 }
        var reader = WireReader(wire.bytes[...])
        let back = try ArgumentCoding.decode(signature, from: &reader, descriptors: [], memory: { _ in nil })
        #expect(reader.isAtEnd)
        #expect("\(back[0..<6])" == "\(arguments[0..<6])")
        guard case .block(let copy) = back[6] else { return #expect(Bool(false)) }
        #expect(Array(copy.bytes) == Array(0...31))
        #expect(throws: PluginError.self) { try signature.check(Array(arguments.dropLast())) }
    }

    /// Whatever bytes arrive, reading them ends in arguments or an error.
    @Test func hostileBytesAreErrors() throws {
        var random = SeededGenerator(seed: 7)
        let signature = try Signature.parse("f: i32 text bytes fd block sink -> i32")[0]
        for _ in 0..<5_000 {
            let bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                Bool.random(using: &random) ? 0 : UInt8.random(in: 0...255, using: &random)
            }
            var reader = WireReader(bytes[...])
            _ = try? ArgumentCoding.decode(signature, from: &reader, descriptors: [], memory: { _ in nil })
            _ = try? Answer(payload: bytes)
        }
    }

    @Test func framesCarryBytesAndDescriptors() throws {
        let (left, right) = try Channel.pair()
        let sender = Channel(left)
        let receiver = Channel(right)
        let memory = try SharedMemory(length: 100, name: "test")
        memory.base.storeBytes(of: 42, as: UInt64.self)
        let payload = [UInt8](repeating: 9, count: 100_000)
        try sender.send(Frame(kind: .notice, number: 1, deadline: -7, payload: payload))
        try sender.send(Frame(kind: .memory, number: 2), descriptors: [memory.descriptor.number])
        try sender.send(Frame(kind: .cancel, number: 3))
        var frames: [Frame] = []
        while frames.count < 3 {
            if let frame = try receiver.next() { frames.append(frame) } else { #expect(try receiver.fill()) }
        }
        #expect(frames.map(\.number) == [1, 2, 3])
        #expect(frames[0].payload == payload && frames[0].deadline == -7)
        let mapped = try SharedMemory(mapping: try #require(frames[1].descriptors.first))
        #expect(mapped.length == 100 && mapped.base.load(as: UInt64.self) == 42)
        #expect(frames[2].descriptors.isEmpty)
    }
}
