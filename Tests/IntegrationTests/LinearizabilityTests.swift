import Basics
import Foundation
import TestSupport
import Testing

/// Histories of variables written, read and swapped side by side while servers are killed, stopped, parted and have wrong clocks:
/// each variable must behave as if there were one copy of it.
///
/// `FAULT_SECONDS=n` makes the faults last so long, 12 s by default; `FAULT_SEED=n` draws the same faults again.
@Suite(
    .serialized, .enabled(if: NetworkSpace.isPossible, "needs root and network namespaces (ip netns, of iproute2)"))
struct LinearizabilityTests {
    private static func variable(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    @Test(arguments: [3, 5])
    func everyVariableIsOneRegister(count: Int) throws {
        let seconds = Self.variable("FAULT_SECONDS") ?? 12
        let seed = UInt64(Self.variable("FAULT_SEED") ?? Int(getpid()))
        let servers = try PartedServers(count)
        try servers.waitUntilFormed()
        var faults = FaultScript(servers, seed: seed)
        let record = try RegisterClients(servers).run(5, seed: seed) {
            usleep(500_000)
            try faults.play(seconds: seconds)
            servers.joinAll()
            try servers.waitForLeader()
            usleep(1_500_000)
        }
        let told = "FAULT_SEED=\(seed), \(record.answered) answered, \(record.unanswered) not; \(faults.done)"
        print("\(count) servers: \(told), \(record.histories.count) variables")
        #expect(record.answered > seconds * 10, "\(told)\n\(servers.log)")
        #expect(record.oddities.isEmpty, "\(told)\n\(record.oddities.joined(separator: "\n"))")
        for (path, history) in record.histories.sorted(by: { $0.key < $1.key }) {
            guard let violation = history.violation else { continue }
            Issue.record("\(path) is not linearizable; \(told)\n\(violation)")
        }
    }

    /// Reads that any server may answer are not linearizable, and the check tells: a server that hears nothing answers with what was.
    @Test func staleReadsAreFound() throws {
        let servers = try PartedServers(3)
        try servers.waitUntilFormed()
        let leader = try servers.waitForLeader()
        let deaf = (leader + 1) % 3
        var history = RegisterHistory()
        func ask(_ number: Int, _ method: String, _ value: Int? = nil) throws -> JSON {
            let body = value.map { JSON.object([("Items", .object([("v", .string("\($0)"))]))]).bytes } ?? []
            let answer = try servers.http(number, timeout: .seconds(10)).request(method, "/v1/var/a?stale", body)
            return try answer.json()
        }
        func note(_ action: RegisterHistory.Action, _ called: Int64) {
            history.operations.append(
                .init(client: 1, action: action, called: called, returned: RegisterClients.now))
        }
        for value in 1...2 {
            let called = RegisterClients.now
            _ = try ask(leader, "PUT", value)
            note(.write(value), called)
            guard value == 1 else { break }
            try eventually("all have the first value", details: { servers.log }) {
                (try? ask(deaf, "GET")["Items"]?["v"]?.string) == "1"
            }
            try servers.part([deaf])
        }
        let called = RegisterClients.now
        note(.read(Int(try ask(deaf, "GET")["Items"]?["v"]?.string ?? "")), called)
        let violation = try #require(history.violation)
        #expect(violation.description.contains("read 1"), "\(violation)")
        // What asks the leader is told the truth, or nothing.
        let strict = try? servers.http(deaf, timeout: .seconds(10)).get("/v1/var/a")
        #expect(strict?.status != 200, "\(strict?.text ?? "")")
        servers.joinAll()
        try eventually("it hears again", details: { servers.log }) {
            (try? servers.http(deaf, timeout: .seconds(10)).getJSON("/v1/var/a")["Items"]?["v"]?.string) == "2"
        }
    }
}

/// One fault after the other, drawn from a seed.
struct FaultScript {
    private let servers: PartedServers
    private var generator: SeededGenerator
    private var counts: [String: Int] = [:]

    init(_ servers: PartedServers, seed: UInt64) {
        self.servers = servers
        generator = SeededGenerator(seed: seed)
    }

    var done: String { counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ") }

    /// Each fault lasts a second or two and is put right again before the next; a moment between them lets the servers recover.
    mutating func play(seconds: Int) throws {
        let end = RegisterClients.now + Int64(seconds) * 1_000_000_000
        var isFirst = true
        while RegisterClients.now < end {
            // The first one is always the leader's death, so that even a short run has had an election.
            try perform(isFirst ? 0 : Int.random(in: 0..<8, using: &generator))
            isFirst = false
            pause(300...1_500)
        }
    }

    private mutating func perform(_ kind: Int) throws {
        let leader = (try? servers.waitForLeader(seconds: 5)) ?? 0
        let some = Int.random(in: servers.all.indices, using: &generator)
        switch kind {
        case 0: try killAndStart([leader], "leaders killed")
        case 1: try killAndStart([some], "servers killed")
        case 2: try killAndStart(Array(servers.all.indices), "times all killed")
        case 3:
            note("leaders stopped")
            servers.stop(leader)
            pause(500...2_500)
            servers.resume(leader)
        case 4:
            note("leaders parted from all")
            try servers.part([leader])
            pause(1_000...3_000)
            servers.joinAll()
        case 5:
            note("minorities parted")
            let size = (servers.all.count - 1) / 2
            try servers.part(Set(servers.all.indices.shuffled(using: &generator).prefix(size)))
            pause(1_000...3_000)
            servers.joinAll()
        case 6:
            note("leaders that hear but are not heard")
            for other in servers.all.indices where other != leader { try servers.cut(from: leader, to: other) }
            pause(1_000...3_000)
            servers.joinAll()
        default:
            note("clocks set wrong")
            for number in servers.all.indices {
                try servers.setClock(number, ahead: Int64.random(in: -86_400...86_400, using: &generator))
            }
        }
    }

    private mutating func killAndStart(_ numbers: [Int], _ what: String) throws {
        note(what)
        for number in numbers { servers.kill(number) }
        pause(200...1_500)
        for number in numbers { try servers.start(number) }
    }

    private mutating func note(_ what: String) { counts[what, default: 0] += 1 }

    private mutating func pause(_ milliseconds: ClosedRange<Int>) {
        usleep(UInt32(Int.random(in: milliseconds, using: &generator) * 1_000))
    }
}
