import DroverSDK
import Glibc
import PluginHostTestSupport
import PluginSupport
import Testing

@testable import DockerPlugin

/// Output as the engine sends it, in files as the host reads them.
@Suite("docker: logs")
final class LogTests {
    private let folder = PluginBuilder.makeFolder("logs")
    private let descriptor: Int32

    init() { descriptor = open(folder, O_RDONLY | O_DIRECTORY) }

    deinit {
        close(descriptor)
        _ = system("rm -rf \(folder)")
    }

    private func text(_ name: String) -> String? { SmallFile.read("\(folder)/\(name)") }

    private func target(files: Int64 = 3, bytes: Int64 = 1_000) throws -> LogTarget {
        try #require(
            LogTarget([
                "dir": .string(folder), "stdout": "o", "stderr": "e", "files_max": .integer(files),
                "file_bytes_max": .integer(bytes),
            ]))
    }

    private func copy(_ target: LogTarget, isTerminal: Bool = false) -> LogCopy {
        LogCopy(target, folder: descriptor, positionFile: folder + "/position", isTerminal: isTerminal)
    }

    /// A frame of the engine's stream: kind, length, time, text.
    private func frame(_ kind: UInt8, _ second: Int, _ text: String) -> [UInt8] {
        let digits = second < 10 ? "0\(second)" : "\(second)"
        let content = Array("2026-11-26T12:00:\(digits).000000001Z \(text)".utf8)
        return [kind, 0, 0, 0, 0, 0, UInt8(content.count >> 8), UInt8(content.count & 255)] + content
    }

    @Test func filesAreRotatedAtTheByteAndTheOldestGo() throws {
        var log = RotatedLog(folder: descriptor, name: "o", filesMax: 2, bytesMax: 4, known: nil)
        log.write(Array("abcdefghij".utf8)[...])
        log.close()
        #expect(text("o.0") == nil && text("o.1") == "efgh" && text("o.2") == "ij")
        var again = RotatedLog(folder: descriptor, name: "o", filesMax: 2, bytesMax: 4, known: nil)
        again.write(Array("kl".utf8)[...])
        again.close()
        #expect(text("o.2") == "ijkl")
    }

    @Test func whatWasWrittenBeyondTheKnownPositionGoes() throws {
        var log = RotatedLog(folder: descriptor, name: "o", filesMax: 9, bytesMax: 4, known: nil)
        log.write(Array("abcdefghij".utf8)[...])
        log.close()
        var again = RotatedLog(
            folder: descriptor, name: "o", filesMax: 9, bytesMax: 4, known: .init(index: 1, bytes: 2))
        again.write(Array("XY".utf8)[...])
        again.close()
        #expect(text("o.0") == "abcd" && text("o.1") == "efXY" && text("o.2") == nil)
    }

    @Test func linksOfTheTaskAreNotFollowed() throws {
        _ = system("touch \(folder)/victim && ln -s \(folder)/victim \(folder)/o.0")
        var log = RotatedLog(folder: descriptor, name: "o", filesMax: 9, bytesMax: 4, known: nil)
        log.write(Array("abc".utf8)[...])
        log.close()
        #expect(text("victim") == "")
    }

    @Test func outputAndErrorAreToldApartAndNothingIsCopiedTwice() throws {
        let target = try target()
        let first = frame(1, 1, "one\n") + frame(2, 2, "bad\n") + frame(1, 3, "part ") + frame(1, 3, "of three\n")
        var log = copy(target)
        #expect(log.begin(now: RealClock.wall) == 0)
        try log.feed(Array(first.prefix(40)))
        try log.feed(Array(first.dropFirst(40)))
        log.close()
        // Another process goes on; the engine sends again from a little before the last message.
        var later = copy(target)
        #expect(later.begin(now: RealClock.wall) == LogTime.parse("2026-11-26T11:59:53.000000001Z"))
        try later.feed(frame(2, 2, "bad\n") + frame(1, 3, "part ") + frame(1, 3, "of three\n") + frame(1, 3, "and\n"))
        try later.feed(frame(2, 5, "worse\n"))
        later.end()
        later.close()
        #expect(text("o.0") == "one\npart of three\nand\n")
        #expect(text("e.0") == "bad\nworse\n")
    }

    /// Where an earlier release, which kept eight numbers, stopped, this one goes on.
    @Test func positionsOfAnEarlierReleaseAreRead() throws {
        let target = try target()
        let (one, two) = (frame(1, 1, "one\n") + frame(1, 3, "two\n"), frame(2, 2, "bad\n"))
        var log = copy(target)
        try log.feed(one + two)
        log.close()
        let times = [3, 2].map { LogTime.parse("2026-11-26T12:00:0\($0).000000001Z") ?? 0 }
        let numbers = "\(times[0]) 1 0 8 \(times[1]) 1 0 4" + String(repeating: " ", count: 140)
        let position = LogPosition(numbers + "\n")
        #expect(position?.output.floor == times[0] && position?.error.floor == times[1])
        _ = system("echo '\(numbers)' > \(folder)/position")
        var later = copy(target)
        try later.feed(one + two + frame(1, 4, "three\n") + frame(2, 5, "worse\n"))
        later.close()
        #expect(text("o.0") == "one\ntwo\nthree\n" && text("e.0") == "bad\nworse\n")
    }

    @Test func aSilentStreamDoesNotBringEverythingAgain() throws {
        var log = copy(try target())
        _ = log.begin(now: RealClock.wall)
        try log.feed(frame(1, 1, "one\n") + frame(1, 40, "two\n"))
        #expect(log.begin(now: RealClock.wall) == LogTime.parse("2026-11-26T12:00:30.000000001Z"))
        // The engine wrote down the other stream's word a little late.
        try log.feed(frame(2, 39, "bad\n") + frame(1, 40, "two\n") + frame(1, 41, "three\n"))
        log.close()
        #expect(text("o.0") == "one\ntwo\nthree\n" && text("e.0") == "bad\n")
    }

    /// Also what came between two connections, and from engines that leave out whatever is of an earlier time.
    @Test(arguments: [true, false])
    func aClockSetBackLosesNothing(leavesOut: Bool) throws {
        let all = [(50, "one\n"), (20, "two\n"), (50, "three\n"), (30, "four\n")]
        let later = [(25, "five\n"), (31, "six\n"), (51, "seven\n")]
        var log = copy(try target())
        _ = log.begin(now: RealClock.wall)
        for (second, word) in all { try log.feed(frame(1, second, word)) }
        for _ in 0..<2 {
            let since = log.begin(now: RealClock.wall)
            for (second, word) in all + later {
                let time = try #require(LogTime.parse("2026-11-26T12:00:\(second).000000001Z"))
                if !leavesOut || time >= since { try log.feed(frame(1, second, word)) }
            }
        }
        log.close()
        #expect(text("o.0") == "one\ntwo\nthree\nfour\nfive\nsix\nseven\n")
    }

    @Test func aClockThatIsBehindAsksForAll() throws {
        var log = copy(try target())
        _ = log.begin(now: RealClock.wall)
        try log.feed(frame(1, 50, "one\n"))
        #expect(log.begin(now: try #require(LogTime.parse("2026-11-26T12:00:20Z"))) == 0)
        try log.feed(frame(1, 50, "one\n") + frame(1, 20, "two\n"))
        log.close()
        #expect(text("o.0") == "one\ntwo\n")
    }

    /// The engine goes with the container: its first stream ends before the last words, and both are back as ended.
    @Test(arguments: [true, false])
    func theRestIsReadOnceTheEngineIsBack(isCut: Bool) async throws {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        func chunk(_ bytes: [UInt8]) -> [UInt8] {
            Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + [13, 10]
        }
        let (early, late) = (frame(1, 1, "one\n") + frame(2, 1, "bad\n"), frame(1, 2, "last words\n"))
        let end = Array("0\r\n\r\n".utf8)
        let engine = try ScriptedEngine(
            folder,
            [
                Array(head.utf8) + chunk(early) + (isCut ? [] : end), Array(head.utf8) + chunk(early + late) + end,
            ])
        let loop = EventLoop()
        let client = EngineClient(
            endpoint: try Endpoint("unix://" + engine.socket), transportSecurity: nil, loop: loop,
            clock: RealClock.clock)
        let told = Counter()
        let collector = LogCollector(
            client: client, container: "c", isTerminal: false, target: try target(),
            positionFile: folder + "/position", progress: LogProgress(), speaker: { .ended },
            tell: { _ in told.note() })
        await Task(executorPreference: loop) { await collector.run() }.value
        loop.stop()
        #expect(text("o.0") == "one\nlast words\n" && text("e.0") == "bad\n" && told.begun == 0)
        #expect(engine.requests.count == 2 && engine.requests.last?.contains("since=") == true, "\(engine.requests)")
    }

    /// A plug-in that ends while output is being copied leaves the task to the next one, which has it to the end.
    @Test func aPlugInThatEndsTellsNoEndOfATaskWhoseOutputIsNotCopied() async throws {
        let body = #"{"Id":"c","State":{"Status":"exited","ExitCode":3}}"#
        let engine = try ScriptedEngine(
            folder, [Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)])
        let loop = EventLoop()
        let (operations, table) = (Operations(on: loop), TaskTable())
        let client = EngineClient(
            endpoint: try Endpoint("unix://" + engine.socket), transportSecurity: nil, loop: loop,
            clock: RealClock.clock)
        let watch = EngineWatch(client: client, host: RealClock.bareHost, table: table, operations: operations)
        let copying = Counter()
        let work = try #require(operations.spawn { try? await copying.hold() })
        table.insert(
            TaskTable.Entry(id: "t", container: "c", image: "i", pid: 1, stopSignal: "SIGTERM", answer: .null))
        table.setCollection(TaskTable.Collection(work: work, progress: LogProgress()), of: "t")
        watch.look(at: "t")
        try await eventually("the end is seen") { watch.endSeen(of: "t") != nil }
        operations.close {}
        loop.stop()
        #expect(copying.cancelled == 1)
        #expect(table.entry("t")?.exit == nil)
    }

    @Test func aWriteThatThePositionMissedIsTakenBack() throws {
        let target = try target()
        var log = copy(target)
        _ = log.begin(now: RealClock.wall)
        try log.feed(frame(1, 1, "one\n"))
        let position = try #require(text("position"))
        try log.feed(frame(1, 2, "two\n"))
        log.close()
        // As if the process had died between the file and its position.
        let file = try #require(fopen(folder + "/position", "w"))
        fputs(position, file)
        fclose(file)
        var later = copy(target)
        _ = later.begin(now: RealClock.wall)
        try later.feed(frame(1, 1, "one\n") + frame(1, 2, "two\n") + frame(1, 3, "three\n"))
        later.close()
        #expect(text("o.0") == "one\ntwo\nthree\n")
    }

    @Test func terminalsSendLines() throws {
        var log = copy(try target(), isTerminal: true)
        _ = log.begin(now: RealClock.wall)
        try log.feed(Array("2026-11-26T12:00:01.5Z one\r\n2026-11-26T12:".utf8))
        try log.feed(Array("00:02Z two\r\n2026-11-26T12:00:03Z end".utf8))
        log.end()
        log.close()
        #expect(text("o.0") == "one\r\ntwo\r\nend")
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-26T12:37:03.990493118Z", 1_795_696_623_990_493_118),
            ("2024-02-29T23:59:59.5+01:00", 1_709_247_599_500_000_000),
            ("2000-03-01T00:00:00-00:30", 951_870_600_000_000_000),
            ("2026-11-26", nil), ("2026-11-26 12:37:03Z", nil), ("2026-13-26T12:37:03Z", nil),
            ("2026-11-26T12:37:03", nil),
            ("2026-11-26T12:37:03.Z", nil), ("", nil), ("2026-11-26T12:37:03.1234567890Z", nil),
        ] as [(Substring, Int64?)])
    func times(text: Substring, nanoseconds: Int64?) {
        #expect(LogTime.parse(text) == nanoseconds)
    }

    @Test(arguments: [
        "", "1 2 3\n", "1 2 3 4 5 6 7 8 9 x\n", "1 2 3 4 5 6 7 8 9 10", "-1 2 3 4 5 6 7 8 9 10\n",
    ])
    func brokenPositionsCountAsNone(text: String) {
        #expect(LogPosition(text) == nil)
    }

    @Test(arguments: [
        #"{"enabled":false,"dir":"/l","stdout":"o","stderr":"e"}"#, #"{"dir":"l","stdout":"o","stderr":"e"}"#,
        #"{"dir":"/l","stdout":"../o","stderr":"e"}"#, "{}",
    ])
    func noFolderNoCollection(logs: String) throws {
        #expect(LogTarget(try JSON(parsing: logs)) == nil)
    }
}
