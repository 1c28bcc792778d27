import Basics
import Foundation
import FoundationXML
import PluginHostTestSupport
import TestSupport
import Testing

/// `drover sim` from the command line: small traces, a live cluster's folder, and what is refused.
@Suite struct SimTests {
    private static let nodes = """
        sn,cpu_milli,memory_mib,gpu,model
        n0,32000,65536,4,T4
        n1,32000,65536,4,G2
        n2,32000,65536,4,G2
        n3,16000,32768,0,

        """
    private static let tasks = """
        name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec
        a,3000,4096,1,250,
        b,3000,4096,1,750,T4
        c,3000,4096,1,500,
        d,4000,4096,1,1000,G2|T4
        e,8000,8192,2,1000,
        f,9000,9000,0,0,

        """
    private static let lines = """
        {"node":{"name":"n1","cpu":64000,"memory":262144,"devices":{"count":2,"model":"A10"}}}
        {"task":{"name":"t1","cpu":4000,"memory":8192,"devices":{"count":2},"arrival":0,"departure":60}}
        {"task":{"name":"t2","cpu":4000,"memory":8192,"devices":{"count":1,"share":500},"arrival":30}}
        {"task":{"name":"t3","cpu":4000,"memory":8192,"devices":{"count":1,"share":500},"arrival":60}}

        """

    @Test func oneSeedGivesOneAnswerFromTheLibrary() throws {
        let folder = try Self.folder()
        let cards = try (0..<2).map { _ in
            try Self.json(["openb", "nodes.csv", "tasks.csv", "-plugin", "fragmentation", "-seeds", "7-8"], in: folder)
        }
        let hashes = try cards.map { try Self.figures($0, "placement_hash").compactMap(\.string) }
        #expect(hashes[0] == hashes[1] && Set(hashes[0]).count == 2)
        let library = try #require(cards[0].array?.first?["library"]?.string)
        #expect(library.hasSuffix("/libdrover-scheduler-fragmentation.so"))
        #expect(FileManager.default.fileExists(atPath: library))
        #expect(try Self.figures(cards[0], "rejected") == [.integer(0), .integer(0)])
        #expect(try Self.figures(cards[0], "moves") == [.integer(0), .integer(0)])
        #expect(try Self.figures(cards[0], "placed").allSatisfy { $0.integer ?? 0 > 10 })
    }

    @Test func schedulersStandSideBySide() throws {
        let folder = try Self.folder()
        let names = ["fragmentation", "batch", "random"]
        let run = try Self.sim(
            ["openb", "nodes.csv", "tasks.csv", "-seeds", "1-3", "-csv", "curves.csv", "-svg", "curves.svg"]
                + names.flatMap { ["-plugin", $0] }, in: folder)
        #expect(run.code == 0, "\(run.output)")
        let table = run.output.split(separator: "\n").map(Self.cells)
        #expect(table.map(\.first) == ["Scheduler"] + names.map(Optional.some))
        let moves = try #require(table[0].firstIndex(of: "Moves"))
        #expect(table.allSatisfy { $0.count == table[0].count } && table.dropFirst().allSatisfy { $0[moves] == "0" })

        let rows = try folder.read("curves.csv").split(separator: "\n").map { $0.split(separator: ",") }
        #expect(rows[0] == ["asked_percent", "fragmentation", "batch", "random"])
        #expect(rows.count > 130 && rows.dropFirst().enumerated().allSatisfy { $0.element[0] == "\($0.offset)" })
        let shares = rows.dropFirst().flatMap { $0.dropFirst().map { Double($0) ?? -1 } }
        #expect(shares.count == 3 * (rows.count - 1) && shares.allSatisfy((0...100).contains))
        let outline = SVGOutline()
        #expect(outline.read(try folder.read("curves.svg")))
        #expect(outline.root == "svg" && outline.lines == 3)
        #expect(names.allSatisfy(outline.text.contains))
    }

    @Test func aTraceHasItsOwnMoments() throws {
        let folder = try Self.folder()
        let card = try Self.json(["trace", "trace.jsonl", "-plugin", "batch", "-plugin", "random"], in: folder)
        // The second comes while the first has all devices, the third when it has gone.
        #expect(try Self.figures(card, "placed") == [.integer(2), .integer(2)])
        #expect(try Self.figures(card, "pending") == [.integer(1), .integer(1)])
        #expect(try Self.figures(card, "gpu_percent").map(\.double) == [25, 25])
        #expect(card.array?.compactMap { $0["library"]?.string?.isEmpty } == [false, true])
    }

    /// The folder of an agent that runs, then of one that was killed.
    @Test func aLiveClusterIsPlacedAnew() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let tasks = try MarkedTasks()
        try agent.register(Jobs.shell("keeper", tasks.line, count: 3))
        try agent.wait("keeper", "running", count: 3)
        let arguments = ["snapshot", agent.folder.path + "/data", "-plugin", "batch", "-plugin", "fragmentation"]
        let running = try Self.json(arguments, in: agent.folder)
        #expect(try Self.figures(running, "placed") == [.integer(3), .integer(3)])
        #expect(try Self.figures(running, "moves") == [.integer(0), .integer(0)])
        #expect(try Self.figures(running, "pending") == [.integer(0), .integer(0)])
        #expect(try Self.figures(running, "cpu_percent").allSatisfy { $0.double ?? 0 > 0 })
        agent.kill()
        let killed = try Self.json(arguments, in: agent.folder)
        #expect(try Self.figures(killed, "placement_hash") == Self.figures(running, "placement_hash"))
        try agent.start()
        try agent.waitUntilReady()
        try agent.end(["keeper"])
    }

    @Test(arguments: [
        (["openb", "nodes.csv", "empty"], "empty: empty; its first line names the columns"),
        (["openb", "tasks.csv", "tasks.csv"], "tasks.csv:2: there is no column \"sn\""),
        (["openb", "huge.csv", "tasks.csv"], "huge.csv:2: cpu_milli is \"99999999999999999999\", not a whole number"),
        (["openb", "absent.csv", "tasks.csv"], "cannot read absent.csv: "),
        (["openb", "nodes.csv", "tasks.csv", "-seeds", "9-8"], "-seeds is \"9-8\"; a number, or two"),
        (
            ["openb", "nodes.csv", "tasks.csv", "-plugin", "nobody"],
            "there is no scheduler \"nobody\" here; -plugin is"
        ),
        (["openb", "nodes.csv", "tasks.csv", "-plugin", "system"], "scheduler \"system\" places no batch jobs"),
        (["trace", "empty"], "empty: 0 nodes and 0 tasks; both are needed"),
        (["trace", "nodes.csv"], "nodes.csv:1: column 1: "),
        (["snapshot", "nodes.csv"], "cannot read the state in nodes.csv: "),
        (["snapshot", "empty"], "byte 0: it is not a snapshot"),
        (["snapshot", "absent"], "cannot read the state in absent: "),
        (["snapshot", "."], ". has neither log nor snapshots, in itself, in raft/ or in server/raft/"),
    ])
    func badInputIsNamed(arguments: [String], message: String) throws {
        let folder = try Self.folder()
        let run = try Self.sim(arguments, in: folder)
        #expect(run.code != 0 && run.output.contains(message), "\(run.code): \(run.output)")
    }

    // MARK: - Help

    private static func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder("sim")
        try folder.write("nodes.csv", nodes)
        try folder.write("tasks.csv", tasks)
        try folder.write("trace.jsonl", lines)
        try folder.write("empty", "")
        try folder.write("huge.csv", "sn,cpu_milli,memory_mib,gpu,model\nn,99999999999999999999,1,1,T4\n")
        return folder
    }

    /// Runs the command on files of a folder; words that name one are made paths.
    private static func sim(_ arguments: [String], in folder: TemporaryFolder) throws -> (code: Int32, output: String) {
        let run = try Binaries.run(
            "drover", ["sim"] + arguments.map { $0.first == "-" || !isFile($0) ? $0 : folder.path + "/" + $0 })
        return (run.code, run.output.replacing(folder.path + "/", with: ""))
    }

    private static func isFile(_ word: String) -> Bool {
        word == "." || word == "empty" || word == "absent" || word.hasSuffix(".csv") || word.hasSuffix(".jsonl")
            || word.hasSuffix(".svg")
    }

    private static func json(_ arguments: [String], in folder: TemporaryFolder) throws -> JSON {
        let run = try sim(arguments + ["-json"], in: folder)
        guard run.code == 0 else { throw NeverHappened(description: "\(arguments): \(run.code) \(run.output)") }
        return try JSONParser.parse(Array(run.output.utf8))
    }

    /// A figure of every seed of every scheduler.
    private static func figures(_ cards: JSON, _ name: String) throws -> [JSON] {
        try #require(cards.array).flatMap { try #require($0["seeds"]?.array) }.map { try #require($0[name]) }
    }

    /// The columns of a line of a table: two spaces or more part them.
    private static func cells(_ line: Substring) -> [String] {
        line.split(separator: "  ").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}

/// What a picture consists of, read by a real XML parser.
private final class SVGOutline: NSObject, XMLParserDelegate {
    private(set) var root = ""
    private(set) var lines = 0
    private(set) var text = ""

    /// Whether it is well-formed.
    func read(_ picture: String) -> Bool {
        let parser = XMLParser(data: Data(picture.utf8))
        parser.delegate = self
        return parser.parse()
    }

    func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        if root.isEmpty { root = element }
        if element == "polyline" { lines += 1 }
    }

    func parser(_ parser: XMLParser, foundCharacters characters: String) { text += characters + "\n" }
}
