import CDroverABI
import Testing

@Suite("The fit function")
struct FitTests {
    struct Row: CustomTestStringConvertible {
        let what: String, capacity: Int64, used: Int64, ask: Int64, fits: Bool
        var testDescription: String { what }
    }

    @Test(arguments: [
        Row(what: "exactly full", capacity: 100, used: 60, ask: 40, fits: true),
        Row(what: "one too many", capacity: 100, used: 60, ask: 41, fits: false),
        Row(what: "nothing asked of an over-full node", capacity: 100, used: 200, ask: 0, fits: true),
        Row(what: "something asked of an over-full node", capacity: 100, used: 200, ask: 1, fits: false),
        Row(what: "negative ask", capacity: 100, used: 0, ask: -1, fits: false),
        Row(what: "negative use counts as none", capacity: 100, used: -50, ask: 101, fits: false),
        Row(what: "unlimited", capacity: .max, used: .max, ask: .max, fits: true),
        Row(what: "no overflow", capacity: .max - 1, used: .max - 2, ask: .max, fits: false),
        Row(what: "no capacity at all", capacity: .min, used: 0, ask: 1, fits: false),
    ])
    func oneDimension(row: Row) {
        #expect((drover_fit_one(row.capacity, row.used, row.ask) != 0) == row.fits)
    }

    @Test func namesTheFirstExhaustedDimension() {
        let capacity: [Int64] = [100, 8, 512, .max, 1000, 0]
        let used: [Int64] = [50, 8, 100, 0, 0, 0]
        #expect(drover_fit(capacity, used, [50, 0, 412, 5000, 1000, 0], 6) == DROVER_FITS)
        #expect(drover_fit(capacity, used, [51, 1, 413, 0, 0, 0], 6) == DROVER_CPU_MHZ)
        #expect(drover_fit(capacity, used, [1, 0, 413, 0, 0, 1], 6) == DROVER_MEMORY_MIB)
        #expect(drover_fit(capacity, used, [1, 0, 1, 0, 0, 1], 6) == DROVER_NETWORK_MBIT)
    }

    static let portRows: [([UInt32], Int32)] = [
        ([80, 443], DROVER_FITS), ([80, 8080], 8080), ([80, 80], 80), ([65_536], 65_536), ([], DROVER_FITS),
    ]

    @Test(arguments: portRows)
    func ports(asked: [UInt32], answer: Int32) {
        var taken = [UInt64](repeating: 0, count: Int(DROVER_PORT_WORDS))
        taken[8080 / 64] |= 1 << (8080 % 64)
        #expect(drover_fit_ports(taken, asked, UInt32(asked.count)) == answer)
    }
}
