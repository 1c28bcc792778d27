import Basics
import CSpawn
import Glibc
import Linux
import PluginHost
import Testing

/// The shim alone, on specifications nobody would write.
@Suite struct SpecFuzzTests {
    /// Runs the shim on a specification and returns its answer's first word; "" when it died without one.
    private func answer(_ spec: [UInt8], in folder: String) throws -> String {
        try Folder.make(folder)
        try SmallFile.replace(folder + "/spec", with: spec)
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let reader = FileDescriptor(owning: ends[0])
        do {
            let writer = FileDescriptor(owning: ends[1])
            let texts = [Machine.executableFolder + "/drover-shim", folder]
            let words: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
            defer { for word in words { free(word) } }
            var result = drover_spawn_result()
            var extra = writer.number
            let code = words.withUnsafeBufferPointer { argv in
                withUnsafePointer(to: &extra) { extra in
                    var launch = drover_spawn_spec()
                    launch.path = UnsafePointer(argv[0])
                    launch.argv = argv.baseAddress
                    launch.envp = argv.baseAddress?.advanced(by: 2)
                    launch.stdio = (-1, -1, -1)
                    launch.extra = extra
                    launch.extra_count = 1
                    launch.join_pidfd = -1
                    return drover_spawn(&launch, &result)
                }
            }
            try #require(code == 0)
            close(result.pidfd)
            // It ends with its task.
            var status: Int32 = 0
            waitpid(result.pid, &status, 0)
        }
        var line: [UInt8] = []
        while true {
            let part = try reader.read(count: 1_000)
            if part.isEmpty { break }
            line += part
        }
        return String(decoding: line.prefix { $0 != 0x20 && $0 != 0x0a }, as: UTF8.self)
    }

    private func records(_ lines: [String]) -> [UInt8] { lines.flatMap { Array($0.utf8) + [0] } }

    @Test func everyMutationIsAnswered() throws {
        let folder = "/tmp/drover-test-\(SystemRandom().id().short)"
        defer { try? Folder.remove(folder) }
        let valid = records([
            "drover-shim-spec 1", "id=t", "path=/bin/true", "argv=true", "env=A=b", "cwd=/", "limit=7 100 100",
            "oom_score_adj=0", "log_files_max=2", "log_bytes_max=100", "no_new_privs=1", "end",
        ])
        #expect(try answer(valid, in: folder + "/valid") == "started")
        var generator = SeededGenerator(seed: 2)
        for turn in 0..<120 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.removeSubrange(place...)
                case 2: bytes.insert(contentsOf: bytes[place...].prefix(40), at: place)
                default: bytes.insert(0, at: place)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            let word = try answer(bytes, in: "\(folder)/\(turn)")
            #expect(["started", "failed"].contains(word), "mutation \(turn) was answered \"\(word)\"")
        }
    }

    @Test(arguments: [
        "", "\u{0}", "drover-shim-spec 2\u{0}end\u{0}",
        "drover-shim-spec 1\u{0}id=x\u{0}path=/bin/true\u{0}argv=x\u{0}",
        "drover-shim-spec 1\u{0}end\u{0}", "drover-shim-spec 1\u{0}id=x\u{0}path=true\u{0}argv=x\u{0}end\u{0}",
        "drover-shim-spec 1\u{0}id=x\u{0}path=/bin/true\u{0}argv=x\u{0}colour=red\u{0}end\u{0}",
        "drover-shim-spec 1\u{0}id=x\u{0}path=/bin/true\u{0}argv=x\u{0}uid=99999999999\u{0}end\u{0}",
        "drover-shim-spec 1\u{0}id=x\u{0}path=/bin/true\u{0}argv=x\u{0}log_dir=/tmp\u{0}log_stdout=a/b\u{0}log_stderr=c\u{0}end\u{0}",
    ])
    func refuses(spec: String) throws {
        let folder = "/tmp/drover-test-\(SystemRandom().id().short)"
        defer { try? Folder.remove(folder) }
        #expect(try answer(Array(spec.utf8), in: folder) == "failed")
        #expect(!SmallFile.exists(folder + "/state"))
    }

    /// A list of pids longer than the shim's buffer of 4,096 bytes, terminator included: the number that the buffer's end cuts
    /// is no pid of its own.
    @Test func killsNobodyForACutPid() throws {
        let folder = "/tmp/drover-test-\(SystemRandom().id().short)"
        defer { try? Folder.remove(folder) }
        try Folder.make(folder + "/group")
        var bystander: pid_t = 0
        var argv: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("100"), nil]
        defer { for word in argv { free(word) } }
        try #require(posix_spawn(&bystander, "/bin/sleep", nil, nil, &argv, nil) == 0)
        var status: Int32 = 0
        defer {
            kill(bystander, SIGKILL)
            waitpid(bystander, &status, 0)
        }
        // No process has nine digits (pid_max is at most 4,194,304). The blanks leave room for the shim's own entry.
        let digits = "\(bystander)"
        let list =
            String(repeating: " ", count: 4_095 - digits.utf8.count)
            + digits + String(repeating: "0", count: 9 - digits.utf8.count) + "\n"
        try SmallFile.replace(folder + "/group/cgroup.procs", with: Array(list.utf8))
        let spec = records([
            "drover-shim-spec 1", "id=t", "path=/bin/true", "argv=true", "cwd=/", "cgroup=\(folder)/group",
            "log_files_max=2", "log_bytes_max=100", "end",
        ])
        #expect(try answer(spec, in: folder + "/run") == "started")
        #expect(ShimExit(state: SmallFile.text(folder + "/run/state") ?? "") != nil)
        #expect(waitpid(bystander, &status, WNOHANG) == 0, "the shim killed a process that is not its own")
    }
}
