import Basics
import Testing

/// Times at the ends of their range come from hostile bodies and must be written like any other.
struct TimeTests {
    @Test(arguments: [
        (nanoseconds: Int64.min, text: "1677-09-21T00:12:43.145224192Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (-1_000_000_000, "1969-12-31T23:59:59Z"),
        (0, "0001-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (Int64.max, "2262-04-11T23:47:16.854775807Z"),
    ])
    func writesEveryMoment(nanoseconds: Int64, text: String) {
        #expect(Timestamp(nanoseconds: nanoseconds).rfc3339 == text)
    }
}
