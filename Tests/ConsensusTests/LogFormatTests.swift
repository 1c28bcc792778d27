import Consensus
import Raft
import Testing

struct LogFormatTests {
    /// RFC 3720 §B.4 and the usual check value.
    private static let known: [(bytes: [UInt8], checksum: UInt32)] = [
        (Array("123456789".utf8), 0xe306_9283), ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
        ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43), (Array(0..<32), 0x46dd_794e), ([], 0),
    ]

    @Test(arguments: known)
    func checksumMatchesTheStandard(bytes: [UInt8], expected: UInt32) {
        #expect(CRC32C.checksum(bytes) == expected)
        let first = CRC32C.checksum(Array(bytes.prefix(bytes.count / 3)))
        #expect(CRC32C.checksum(Array(bytes.dropFirst(bytes.count / 3)), seed: first) == expected)
    }

    @Test func batchBytesAreGolden() {
        var encoder = BatchEncoder()
        let records: [LogRecord] = [
            .hardState(HardState(term: 3, vote: ServerID("s1"))),
            .entry(LogEntry(index: 0x0102, term: 3, kind: EntryKind(rawValue: 0x11), data: [0xaa, 0xbb])),
            .reset(index: 9, term: 2),
        ]
        for record in records { encoder.append(record) }
        encoder.seal(number: 7)
        let expected: [UInt8] = [
            0x44, 0x57, 0x42, 0x31,  // "DWB1"
            0x4c, 0, 0, 0,  // 76 bytes of body
            7, 0, 0, 0, 0, 0, 0, 0,  // batch number
            3, 0, 0, 0,  // records
            0x46, 0x01, 0x56, 0x08,  // checksum
            2, 0, 0, 0, 0, 0, 2, 0,  // 2 bytes of data, kind 0, type 2: hard state
            0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,  // no index, term 3
            0x73, 0x31,  // vote "s1"
            2, 0, 0, 0, 0x11, 0, 1, 0,  // 2 bytes of data, kind 0x11, type 1: entry
            2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,  // index 0x0102, term 3
            0xaa, 0xbb,  // data
            0, 0, 0, 0, 0, 0, 3, 0,  // no data, type 3: reset
            9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,  // index 9, term 2
        ]
        #expect(encoder.bytes == expected)
        let decoded = expected.withUnsafeBytes { DecodedBatch($0) }
        #expect(decoded?.number == 7 && decoded?.records == records)
    }

    /// Every single-bit change and every cut is noticed.
    @Test func damageIsNoticed() {
        var encoder = BatchEncoder()
        encoder.append(.entry(LogEntry(index: 1, term: 1, kind: .firstApplication, data: Array("hello".utf8))))
        encoder.seal(number: 1)
        let good = encoder.bytes
        for bit in 0..<(good.count * 8) {
            var bad = good
            bad[bit / 8] ^= 1 << (bit % 8)
            #expect(bad.withUnsafeBytes { DecodedBatch($0) } == nil, "bit \(bit)")
        }
        for count in 0..<good.count { #expect(Array(good[..<count]).withUnsafeBytes { DecodedBatch($0) } == nil) }
    }
}
