internal import ArgumentParser

/// How much of a file's end is wanted, and whether to wait for more.
struct TailOptions: ParsableArguments {
    @Flag(name: .customShort("f"), help: "Go on with what is appended, until interrupted.")
    var follow = false

    @Flag(name: .go("tail"), help: "Only the end: the last 10 lines, or as -n or -c say.")
    var tail = false

    @Option(name: .customShort("n"), help: ArgumentHelp("With -tail: so many lines.", valueName: "lines"))
    var lines: Int?

    @Option(name: .customShort("c"), help: ArgumentHelp("With -tail: so many bytes.", valueName: "bytes"))
    var bytes: Int?

    /// Bytes taken from the end for so many lines; longer lines are cut.
    private static let bytesPerLine = 120

    func validate() throws {
        guard (lines ?? 0) >= 0, (bytes ?? 0) >= 0 else { throw ValidationError("-n and -c must not be negative") }
        guard lines == nil || bytes == nil else { throw ValidationError("-n and -c exclude each other") }
    }

    private var wantsEnd: Bool { tail || lines != nil || bytes != nil }

    /// The query's part about position and following.
    var query: [(String, String)] {
        var query = [("follow", follow ? "true" : "false"), ("plain", "true")]
        if wantsEnd {
            let offset = bytes ?? (lines ?? 10).multipliedReportingOverflow(by: TailOptions.bytesPerLine).partialValue
            query += [("origin", "end"), ("offset", String(offset))]
        } else {
            // What is there already is shown from its start, as `cat` and `tail -f -n +0` do.
            query += [("origin", "start"), ("offset", "0")]
        }
        return query
    }

    /// Most lines of what is there already; nil for no limit.
    var linesMax: Int? { wantsEnd && bytes == nil ? lines ?? 10 : nil }
}

/// Keeps the last lines of the first bytes of a stream.
struct LineLimit {
    let linesMax: Int

    /// The end of `bytes` with at most ``linesMax`` lines.
    func end(of bytes: [UInt8]) -> ArraySlice<UInt8> {
        guard linesMax > 0 else { return [] }
        var seen = 0
        var position = bytes.count
        if bytes.last == 0x0a { position -= 1 }
        while position > 0 {
            if bytes[position - 1] == 0x0a {
                seen += 1
                if seen == linesMax { return bytes[position...] }
            }
            position -= 1
        }
        return bytes[...]
    }
}
