import Foundation
import Raft
import Testing

/// Runs `Cases/*.txt`: command, `----`, output; a blank line ends a case. `REWRITE=1 swift test` writes the outputs
/// anew: read the difference.
struct TranscriptTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases")
    static let files =
        (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.filter { $0.hasSuffix(".txt") }.sorted()
        ?? []

    @Test func casesExist() { #expect(!TranscriptTests.files.isEmpty) }

    @Test(arguments: files)
    func transcript(file: String) throws {
        let url = TranscriptTests.folder.appendingPathComponent(file)
        let expected = try String(contentsOf: url, encoding: .utf8)
        var player = Player()
        let actual = player.play(expected)
        if ProcessInfo.processInfo.environment["REWRITE"] == "1" {
            try actual.write(to: url, atomically: true, encoding: .utf8)
        }
        #expect(actual == expected, "\(file) differs; REWRITE=1 swift test, then read the difference")
    }
}

/// Carries out the commands of a transcript on a ``Cluster`` and prints what happened.
///
///     cluster 1 2 3 [learner 4] [spare 5]   tick ID [COUNT]   deliver [COUNT]   drop FROM TO   propose ID TEXT   read
///     ID
///     slow ID (stops syncing)   sync ID   crash ID   restart ID   snapshot ID KEEP   members ID +5 -2 +~4   transfer
///     ID TO   status   log ID
struct Player {
    private var cluster = Cluster(voters: ["1"], seed: 1)
    private var slow: Set<ServerID> = []
    private var out: [String] = []
    private var reported: [ServerID: RaftStatus] = [:]

    mutating func play(_ script: String) -> String {
        var result: [String] = []
        var isOutput = false
        for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "----" {
                result.append("----")
                result += out.isEmpty ? ["ok"] : out
                out = []
                isOutput = true
            } else if line.isEmpty {
                isOutput = false
                result.append("")
            } else if !isOutput {
                result.append(String(line))
                if !line.hasPrefix("#") { run(line.split(separator: " ").map(String.init)) }
            }
        }
        return result.joined(separator: "\n")
    }

    private mutating func run(_ words: [String]) {
        let id = ServerID(words.count > 1 ? words[1] : "")
        switch words[0] {
        case "cluster": start(words.dropFirst())
        case "tick": for _ in 0..<(words.count > 2 ? Int(words[2]) ?? 1 : 1) { step(id, .tick) }
        case "deliver": deliver(words.count > 1 ? Int(words[1]) ?? 0 : .max)
        case "drop": cluster.network.removeAll { $0.from == id && $0.to.name == words[2] }
        case "propose": propose(words[2...].joined(separator: " "), at: id)
        case "read": read(at: id)
        case "slow": slow.insert(id)
        case "sync":
            slow.remove(id)
            settle()
        case "crash": cluster.crash(id)
        case "restart":
            cluster.restart(id)
            settle()
        case "snapshot": cluster.snapshot(id, keep: UInt64(words[2]) ?? 0)
        case "members": changeMembers(words.dropFirst(2), at: id)
        case "transfer": step(id, .transferLeadership(to: ServerID(words[2])))
        case "status": for id in cluster.ids { out.append(status(id)) }
        case "log": out.append((cluster.servers[id]?.disk.entries ?? []).map(\.text).joined(separator: " "))
        default: out.append("unknown command \(words[0])")
        }
    }

    private mutating func start(_ words: ArraySlice<String>) {
        func group(_ name: String) -> [String] {
            guard let start = words.firstIndex(of: name) else { return [] }
            return Array(words[(start + 1)...].prefix { $0 != "learner" && $0 != "spare" })
        }
        let voters = Array(words.prefix { $0 != "learner" && $0 != "spare" })
        cluster = Cluster(voters: voters, learners: group("learner"), spares: group("spare"), seed: 7)
        slow = []
        reported = [:]
        settle()
    }

    private mutating func step(_ id: ServerID, _ event: Event) {
        let ready = cluster.step(id, event)
        if case .refused(let refusal) = ready.proposal { out.append("\(id) refused: \(refusal)") }
        if case .appended(let first, let term) = ready.proposal {
            out.append("\(id) appended at \(first), term \(term)")
        }
        settle()
    }

    /// Syncs the disks that are not slow and prints changes of role.
    private mutating func settle() {
        for id in cluster.ids where !slow.contains(id) { cluster.sync(id) }
        for id in cluster.ids {
            guard let node = cluster.servers[id]?.node else { continue }
            if let old = reported[id],
                old.role != node.status.role || old.term != node.term || old.leader != node.status.leader
            {
                out.append(
                    "\(id) \(node.status.role) of term \(node.term)"
                        + (node.status.leader.map { ", led by \($0)" } ?? ""))
            }
            reported[id] = node.status
        }
        out += cluster.violations.map { "VIOLATION \($0)" }
    }

    private mutating func deliver(_ count: Int) {
        var left = min(count, 500)
        while left > 0, let message = cluster.network.first {
            out.append(message.text)
            cluster.deliver(at: 0)
            settle()
            left -= 1
        }
    }

    private mutating func propose(_ text: String, at id: ServerID) {
        step(id, .propose(text.split(separator: " ").map { Proposal(kind: .firstApplication, data: Array($0.utf8)) }))
    }

    private mutating func read(at id: ServerID) {
        let ready = cluster.step(id, .read(1))
        out += ready.reads.map { "\($0)" }
        let before = cluster.readsServed
        settle()
        deliver(.max)
        if cluster.readsServed > before { out.append("read served") }
    }

    private mutating func changeMembers(_ changes: ArraySlice<String>, at id: ServerID) {
        var members = cluster.servers[id]?.node?.membership.members ?? []
        for change in changes {
            let name = ServerID(String(change.drop { "+-~".contains($0) }))
            members.removeAll { $0.id == name }
            if change.hasPrefix("+") { members.append(.init(id: name, address: "", isVoter: !change.contains("~"))) }
        }
        step(id, .changeMembership(Membership(members: members)))
    }

    private func status(_ id: ServerID) -> String {
        guard let server = cluster.servers[id], let node = server.node else { return "\(id) down" }
        let applied = "applied=\(server.appliedIndex) last=\(node.lastIndex) snapshot=\(server.disk.snapshot.index)"
        return "\(id) \(node.status.role) term=\(node.term) commit=\(node.commitIndex) \(applied)"
    }
}

extension LogEntry {
    fileprivate var text: String {
        let what = kind == .noop ? "noop" : kind == .membership ? "members" : String(decoding: data, as: UTF8.self)
        return "\(index)/\(term):\(what)"
    }
}

extension Message {
    fileprivate var text: String { "\(from)->\(to) term=\(term) \(bodyText)" }

    private var bodyText: String {
        switch body {
        case .voteRequest(let request):
            "\(request.isPreVote ? "pre-vote" : "vote")? last=\(request.lastIndex)/\(request.lastTerm)"
                + (request.isTransfer ? " transfer" : "")
        case .voteResponse(let response):
            "\(response.isPreVote ? "pre-vote" : "vote") \(response.isGranted ? "yes" : "no")"
        case .append(let append):
            "append after \(append.previousIndex)/\(append.previousTerm) [\(append.entries.map(\.text).joined(separator: " "))] commit=\(append.commit)"
        case .appendResponse(let response):
            response.rejection.map { "refused after \(response.index), try \($0.hintIndex)/\($0.hintTerm)" }
                ?? "has \(response.index)"
        case .heartbeat(let commit, let context): "heartbeat commit=\(commit) context=\(context)"
        case .heartbeatResponse(let context): "heartbeat heard context=\(context)"
        case .installSnapshot(let metadata): "snapshot \(metadata.index)/\(metadata.term)"
        case .timeoutNow: "campaign now"
        }
    }
}
