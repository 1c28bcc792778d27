import Basics
import Foundation
import TestSupport

/// Tasks that can be counted from outside: `sleep MARKER` with a marker no other test uses, and a file with a line a start.
final class MarkedTasks {
    let marker: String
    private let folder: TemporaryFolder
    private let agent: AgentProcess?

    /// With an `agent`, starts are noted in each allocation's own folder, which every driver lets its tasks write to.
    init(on agent: AgentProcess? = nil) throws {
        marker = "7\(UInt32.random(in: 10_000_000...99_999_999))"
        folder = try TemporaryFolder("marked")
        self.agent = agent
    }

    deinit { for pid in processes { kill(pid, SIGKILL) } }

    /// A shell line that notes its allocation's id and sleeps for ever.
    var line: String { "\(note); exec sleep \(marker)" }

    /// A shell line that notes its allocation's id.
    var note: String {
        "echo $NOMAD_ALLOC_ID >> \(agent == nil ? folder.path : "$NOMAD_ALLOC_DIR/data")/starts-\(marker)"
    }

    /// The allocation ids noted so far, one a start.
    var starts: [String] {
        var folders = [folder.path]
        if let allocations = agent.map({ $0.folder.path + "/data/alloc" }) {
            let ids = (try? FileManager.default.contentsOfDirectory(atPath: allocations)) ?? []
            folders = ids.map { "\(allocations)/\($0)/alloc/data" }
        }
        return folders.flatMap { folder -> [String] in
            let text = try? String(contentsOfFile: "\(folder)/starts-\(marker)", encoding: .utf8)
            return text?.split(separator: "\n").map(String.init) ?? []
        }
    }

    /// The processes that sleep now.
    var processes: [pid_t] {
        ProcessList.all { words in words.first?.hasSuffix("sleep") == true && words.dropFirst().first == marker }
    }
}

/// What /proc tells.
enum ProcessList {
    /// The processes whose command line `condition` accepts; those that have ended but were not reaped have none.
    static func all(_ condition: ([String]) -> Bool) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { pid in
            guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"), !bytes.isEmpty else {
                return false
            }
            return condition(bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
        }
    }

    /// The shims whose run folder lies below `folder`.
    static func shims(below folder: String) -> [pid_t] {
        all { words in words.first?.hasSuffix("drover-shim") == true && words.last?.hasPrefix(folder) == true }
    }

    /// A whole file of /proc: one has no size, and a read gives a part only.
    private static func content(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return content }
            content += chunk[..<count]
        }
    }

    /// The names of the shared libraries a process has mapped.
    static func libraries(_ pid: pid_t) -> Set<String> {
        let paths = String(decoding: content("/proc/\(pid)/maps"), as: UTF8.self).split(separator: "\n").compactMap {
            $0.split(separator: "/").last
        }
        return Set(paths.map(String.init).filter { $0.hasSuffix(".so") })
    }
}

extension AgentProcess {
    /// One plug-in of `/v1/plugins` on this agent.
    func plugin(_ name: String) throws -> JSON? {
        try http.getJSON("/v1/agent/plugins").array?.first { $0["Name"]?.string == name }
    }

    func stop(_ job: String) throws {
        let response = try http.request("DELETE", "/v1/job/\(job)")
        guard response.status == 200 else {
            throw NeverHappened(description: "stop: \(response.status) \(response.text)")
        }
    }

    /// Waits until the process has ended by itself; false when it has not within the time.
    func hasEnded(seconds: Double) -> Bool {
        for _ in 0..<Int(seconds * 100) {
            var status = siginfo_t()
            guard waitid(P_PID, id_t(pid), &status, WEXITED | WNOHANG | WNOWAIT) == 0 else { return true }
            if status.si_signo == SIGCHLD { return true }
            usleep(10_000)
        }
        return false
    }

    /// Waits until the agent is ready; false when it ends first, or is not ready within 30 s.
    func becomesReady() -> Bool {
        for _ in 0..<300 {
            if hasEnded(seconds: 0.01) { return false }
            if (try? waitUntilReady(seconds: 0.1)) != nil { return true }
        }
        return false
    }
}
