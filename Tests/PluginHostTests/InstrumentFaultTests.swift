import Basics
import CDroverABI
import Glibc
import PluginHostTestSupport
import Testing

@testable import PluginHost

/// What fingerprint, device and scorer plug-ins can do wrong costs their calls only: isolated, whatever they do; in the agent, what
/// does not end the agent with them.
@Suite struct InstrumentFaultTests {
    private static let source = "Tests/PluginHostTests/Plugins/instruments.c"

    /// What is asked of fingerprint and device plug-ins, by the name that reports give it.
    enum Question: String, CaseIterable, Sendable {
        case look
        case devices
        case reserve
        case stats

        var operation: String { self == .reserve || self == .stats ? rawValue : "probe" }

        /// Asks as the client does.
        func ask(_ host: PluginManager) async throws -> String {
            if self == .look {
                let fingerprinter = try #require(host.fingerprinters.first)
                let found = try await fingerprinter.probe(KnownMachine())
                return found.attributes["site.rack"] ?? "nothing"
            }
            let provider = try #require(host.deviceProviders.first)
            return switch self {
            case .look, .devices: "\(try await provider.probe())"
            case .reserve: try await provider.reserve(.object([("task_id", .string("t1"))])).json.text
            case .stats: try await provider.stats().text
            }
        }

        /// Asks with a deadline of the test's.
        func ask(_ plugin: HostedPlugin, within timeout: Duration) async throws -> [UInt8] {
            let interface = self == .look ? DROVER_FINGERPRINT_1 : DROVER_DEVICE_1
            let arguments: [Argument] = self == .look || self == .reserve ? [.bytes(Array("{}".utf8))] : []
            return try await plugin.call(interface, operation, arguments, within: timeout)
        }
    }

    /// Runs the plug-in `instruments`, whose operations do `fault`, with the sound driver `faulty` beside it in the agent.
    private func withInstruments(
        _ isolation: PluginIsolation, fault: String = "", scorerTimeout: Duration = .seconds(10),
        _ body: @escaping @Sendable (PluginManager) async throws -> Void
    ) async throws {
        let libraries = [
            (try PluginBuilder.library(Self.source), "instruments.so"),
            (try PluginBuilder.library("Tests/PluginHostTests/Plugins/driver.c"), "driver.so"),
        ]
        let configure: (inout PluginHostConfiguration) -> Void = { configuration in
            isolated(isolation, "instruments", config: .object([("fault", .string(fault))]))(&configuration)
            isolated(.agent, "faulty")(&configuration)
            configuration.scorerTimeout = scorerTimeout
        }
        try await withHost(libraries, configure: configure) { host, _ in try await body(host) }
    }

    private func status(_ host: PluginManager) throws -> PluginStatus {
        try #require(host.status.first { $0.name == "instruments" })
    }

    private func text(_ error: PluginError?) -> String { error?.message ?? "no error" }

    private func restarted(_ host: PluginManager, times: Int = 1) async throws -> PluginStatus {
        try await eventually("it runs again") {
            let status = try status(host)
            return status.restarts == times && status.state == "running"
        }
        return try status(host)
    }

    // MARK: - Fingerprint and device

    @Test(
        arguments: Question.allCases,
        [
            ("segv", "was ended by signal 11 (SIGSEGV)"), ("abort", "was ended by signal 6 (SIGABRT)"),
            ("exit", "exited with code 9"),
        ])
    func aCrashFailsTheCallAndTheNextIsAnswered(question: Question, fault: (name: String, report: String)) async throws
    {
        try await withInstruments(.process, fault: fault.name) { host in
            let error = await pluginError { try await question.ask(host) }
            #expect(error?.code == .crashed)
            #expect(text(error).contains("\(fault.report) during \(question.operation)"), "\(text(error))")
            let status = try await restarted(host)
            #expect(status.reason == error?.message)
            #expect(try await question.ask(host) != "nothing")
        }
    }

    @Test(arguments: Question.allCases, [false, true])
    func killedIdleOrBusyItComesBack(question: Question, busy: Bool) async throws {
        try await withInstruments(.process, fault: busy ? "hang" : "") { host in
            let pid = try status(host).pid
            if busy {
                async let error = pluginError { try await question.ask(host) }
                try await eventually("it hangs") { !host.metrics.isEmpty }
                try killProcess(pid)
                #expect(await error?.code == .crashed)
                #expect(try await restarted(host).reason.contains("(SIGKILL) during \(question.operation)"))
            } else {
                try killProcess(pid)
                #expect(try await restarted(host).reason.contains("was ended by signal 9 (SIGKILL)"))
            }
            #expect(try await question.ask(host) != "nothing")
            #expect(try status(host).pid != pid)
        }
    }

    @Test(arguments: Question.allCases) func aHangEndsItsProcess(question: Question) async throws {
        try await withInstruments(.process, fault: "hang") { host in
            let plugin = try #require(host.plugin(named: "instruments"))
            let error = await pluginError { try await question.ask(plugin, within: .milliseconds(50)) }
            #expect(error?.code == .deadline)
            #expect(try await restarted(host).reason.contains("because it hung: \(question.operation) was still open"))
            #expect(try await question.ask(host) != "nothing")
        }
    }

    /// In the agent a hung call keeps its thread for ever: the threads are the plug-in's own, so others are still called.
    @Test(arguments: Question.allCases) func aHangInTheAgentCostsNobodyElse(question: Question) async throws {
        try await withInstruments(.agent, fault: "always hang") { host in
            let plugin = try #require(host.plugin(named: "instruments"))
            await withTaskGroup(of: PluginError.Code?.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        await pluginError { try await question.ask(plugin, within: .milliseconds(50)) }?.code
                    }
                }
                for await code in group { #expect(code == .deadline) }
            }
            try await eventually("the loss is told") { try status(host).reason.contains("its thread is lost") }
            #expect(try status(host).reason.hasPrefix(question.operation))
            let driver = try #require(host.driver(named: "faulty"))
            #expect(try await driver.fingerprint().health == .healthy)
        }
    }

    typealias Garbage = (question: Question, fault: String, code: PluginError.Code, text: String)

    static let garbage: [Garbage] = [
        (.look, "!", .garbage, "answered probe with something its interface does not allow"),
        (.look, "[]", .garbage, "expected an object, got an array"),
        (.look, #"{"attributes":7}"#, .garbage, #""attributes" is a number, not an object"#),
        (
            .look, #"{"period_ns":"soon"}"#, .garbage,
            #""period_ns" is a string, not a whole number from 0 to 9007199254740991"#
        ),
        (.look, #"{"resources":{"cpu_mhz":-1}}"#, .garbage, #""cpu_mhz" is -1, not a whole number"#),
        (.look, #"{"resources":{"memory_bytes":9223372036854775807}}"#, .garbage, #""memory_bytes" is 92233"#),
        (.look, #"{"resources":{"cores":[4]}}"#, .garbage, #""cores" has an item that is a number, not an object"#),
        (.look, #"{"resources":{"networks":{}}}"#, .garbage, #""networks" is an object, not an array"#),
        (.devices, "!", .garbage, "answered probe with something"),
        (.devices, #"{"groups":{}}"#, .garbage, #""groups" is an object, not an array"#),
        (.devices, #"{"groups":[{"vendor":"acme","type":"gpu"}]}"#, .garbage, #""model" is missing"#),
        (
            .devices, #"{"groups":[{"vendor":"a","type":"g","model":"m","instances":[{}]}]}"#, .garbage,
            #""id" is missing"#
        ),
        (.reserve, "[]", .garbage, "expected an object, got an array"),
        (.reserve, #"{"env":[]}"#, .garbage, #""env" is an array, not an object"#),
        (.reserve, #"{"devices":[1]}"#, .garbage, #""devices" has an item that is a number, not an object"#),
        (.stats, #"{"groups":"none"}"#, .garbage, #""groups" is a string, not an array"#),
        (.look, "positive", .garbage, "the plug-in answered with code 7"),
        (.stats, "positive", .garbage, "the plug-in answered with code 7"),
        (.devices, "flood", .limit, "the result is larger than 67108864 bytes"),
        (.reserve, "refuse", .retry, "not today"),
    ]

    @Test(arguments: [PluginIsolation.process, .agent], garbage)
    func garbageIsAnErrorAndThePluginGoesOn(isolation: PluginIsolation, row: Garbage) async throws {
        try await withInstruments(isolation, fault: row.fault) { host in
            let error = await pluginError { try await row.question.ask(host) }
            #expect(error?.code == row.code)
            #expect(text(error).contains(row.text), "\(text(error))")
            let after = try status(host)
            #expect(after.restarts == 0 && after.state == "running")
            #expect(try doubles(score(host, "sound", [0.5])) == [1])
        }
    }

    // MARK: - Scorers

    /// A `drover_score_columns` block of one column.
    private func score(_ host: PluginManager, _ name: String, _ column: [Double]) -> Answer {
        let head = MemoryLayout<drover_score_columns>.size
        var block = drover_score_columns()
        let length = head + 8 * column.count
        block.head = drover_block(length: UInt64(length), struct_size: UInt32(head), reserved: 0)
        block.row_count = UInt32(column.count)
        block.column_count = 1
        block.columns.0 = UInt64(head)
        let bytes = withUnsafeBytes(of: &block) { Array($0) } + column.withUnsafeBytes { Array($0) }
        return host.scorers.score(name, columns: bytes.withUnsafeBytes { Block(copying: $0) })
    }

    private func doubles(_ answer: Answer) throws -> [Double] {
        let bytes = try answer.result()
        return bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 8).map { bytes.loadUnaligned(fromByteOffset: $0, as: Double.self) }
        }
    }

    @Test(arguments: [("segv", "signal 11 (SIGSEGV) during score"), ("abort", "signal 6 (SIGABRT) during score")])
    func aCrashedScorerFailsThatScoring(name: String, text: String) async throws {
        try await withInstruments(.process) { host in
            let error = await pluginError { try doubles(score(host, name, [1])) }
            #expect(error?.code == .crashed && self.text(error).contains(text), "\(self.text(error))")
            _ = try await restarted(host)
            #expect(try doubles(score(host, "sound", [1, 2])) == [2, 4])
        }
    }

    @Test func aScorerKilledIdleOrBusyComesBack() async throws {
        try await withInstruments(.process) { host in
            try killProcess(status(host).pid)
            let pid = try await restarted(host).pid
            #expect(try doubles(score(host, "sound", [1])) == [2])
            async let failed = pluginError { try doubles(score(host, "hang", [1])) }
            try await eventually("it hangs") { !host.metrics.isEmpty }
            try killProcess(pid)
            let error = await failed
            #expect(error?.code == .crashed && text(error).contains("(SIGKILL) during score"), "\(text(error))")
            _ = try await restarted(host, times: 2)
            #expect(try doubles(score(host, "sound", [1])) == [2])
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent]) func aHungScorerIsGivenUp(
        isolation: PluginIsolation
    ) async throws {
        try await withInstruments(isolation, scorerTimeout: .milliseconds(200)) { host in
            let error = await pluginError { try doubles(score(host, "hang", [1])) }
            #expect(error?.code == .deadline, "\(text(error))")
            if isolation == .process {
                #expect(try await restarted(host).reason.contains("because it hung: score was still open"))
            } else {
                try await eventually("the loss is told") { try status(host).reason.contains("its thread is lost") }
            }
            #expect(try doubles(score(host, "sound", [1])) == [2])
        }
    }

    /// Not numbers are the scheduler's to judge (scorer.h: NaN means "not this node").
    @Test(arguments: [PluginIsolation.process, .agent]) func notNumbersArePassedOn(
        isolation: PluginIsolation
    ) async throws {
        try await withInstruments(isolation) { host in
            let scores = try doubles(score(host, "numberless", [0, 1]))
            #expect(scores.count == 2 && scores[0] == .infinity && scores[1].isNaN)
        }
    }
}
