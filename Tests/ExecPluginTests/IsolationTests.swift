import DroverSDK
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import TaskTestSupport
import Testing

@testable import ExecPlugin

/// What a running task sees, may and cannot do.
@Suite("exec: isolation", .enabled(if: Machine.isRoot && CgroupHost.detect() != nil, "needs root and cgroups"))
struct IsolationTests {
    private static let namespaces = "for n in pid mnt ipc uts; do readlink /proc/self/ns/$n; done"

    @Test func seesItsOwnRootAndProcessesAlone() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let script = """
            echo $$ $(id -u) $(pwd); ls -d /root /home /var /sys /opt 2>/dev/null | wc -l; ls / | xargs
            echo $(ls /proc | grep -c '^[0-9]') ; cat /proc/1/comm; ls /dev | xargs; \(Self.namespaces)
            """
        let lines = try await fixture.run(script)
        try #require(lines.count == 10, "\(lines) \(fixture.lines("t", "err"))")
        #expect(lines[0] == "1 65534 /")
        #expect(lines[1] == "0")
        let root = Set(lines[2].split(separator: " "))
        #expect(root.isSuperset(of: ["alloc", "dev", "etc", "local", "proc", "secrets", "tmp", "usr"]))
        #expect((Int(lines[3]) ?? 99) <= 4, "the task's own few processes alone")
        #expect(lines[4] == "sh")
        #expect(lines[5] == "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero")
        for (line, kind) in zip(lines[6...], ["pid", "mnt", "ipc", "uts"]) {
            #expect(line.hasPrefix(kind + ":") && line != ownNamespace(kind), "\(kind)")
        }
    }

    @Test func writesItsOwnFoldersAlone() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let script = """
            for f in /usr /etc /bin /lib /proc/sys/kernel/hostname /proc/sysrq-trigger; do
              [ -d $f ] && f=$f/drover-was-here; (echo x > $f) 2>/dev/null && echo "wrote $f"; done
            for d in /alloc /local /secrets /tmp / /dev/shm; do echo x > $d/mark && echo "$d"; done
            """
        let lines = try await fixture.run(script, TaskFixture.Wish(user: "root"))
        #expect(lines == ["/alloc", "/local", "/secrets", "/tmp", "/", "/dev/shm"])
        for mark in ["alloc/mark", "task/local/mark", "task/secrets/mark", "task/tmp/mark"] {
            #expect(access("\(fixture.folder)/\(mark)", F_OK) == 0, "\(mark) is on disk")
        }
        #expect(access(fixture.folder + "/task/mark", F_OK) != 0)
    }

    @Test func hasTheRightsItWasGivenAlone() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t", "root", "none", "added") }
        let script = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '"
        let plain = try await fixture.run(script)
        #expect(plain == ["CapEff: 0000000000000000", "CapBnd: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2"])
        // CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP.
        try await fixture.launch("root", script, TaskFixture.Wish(user: "root"))
        _ = try await fixture.wait("root")
        #expect(fixture.lines("root").first == "CapEff: 00000000a80405fb")
        try await fixture.launch("none", script, TaskFixture.Wish(config: ["cap_drop": ["all"]], user: "root"))
        _ = try await fixture.wait("none")
        #expect(fixture.lines("none").first == "CapEff: 0000000000000000")
        try await fixture.launch("added", script, TaskFixture.Wish(config: ["cap_add": ["net_bind_service"]]))
        _ = try await fixture.wait("added")
        #expect(fixture.lines("added").first == "CapEff: 0000000000000400")
    }

    #if arch(x86_64)
        /// Calls that need no capability, or that a capability kept would allow: the filter alone refuses them.
        @Test func theFilterRefusesWhatRightsWouldAllow() async throws {
            let fixture = try TaskFixture(ExecPlugin.self)
            defer { fixture.close("t") }
            // keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1); io_uring_setup; x32's getpid; getpid.
            let script = """
                perl -e 'for ([250, 0, -3, 1], [425, 1, 0], [0x40000027], [39]) {
                  $! = 0; my @call = @$_; my $r = syscall($call[0], map { $_ } @call[1..$#call]); printf "%d\\n", $!; }'
                unshare -U true 2>/dev/null || echo "no user namespace"
                """
            let lines = try await fixture.run(script)
            #expect(
                lines == ["\(EPERM)", "\(EPERM)", "\(ENOSYS)", "0", "no user namespace"], "\(fixture.lines("t", "err"))"
            )
        }
    #endif

    @Test func sharesWithTheHostWhatTheJobAsksToShare() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let config: [String: JSON] = ["pid_mode": "host", "ipc_mode": "host"]
        let lines = try await fixture.run(
            "\(Self.namespaces); ls /proc/\(getpid())/stat", TaskFixture.Wish(config: config))
        try #require(lines.count == 5, "\(fixture.lines("t", "err"))")
        #expect(lines[0] == ownNamespace("pid") && lines[2] == ownNamespace("ipc"))
        #expect(lines[1] != ownNamespace("mnt") && lines[3] != ownNamespace("uts"))
    }

    @Test func doesWithoutPivotRoot() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let wish = TaskFixture.Wish(settings: "{\"no_pivot_root\":true}")
        #expect(try await fixture.run("ls -d /root /opt 2>/dev/null; cd /../..; ls -d local", wish) == ["local"])
    }

    /// A link the task made in an earlier attempt leads a later mount nowhere but into its own root.
    @Test func noLinkLeadsAMountOutOfTheRoot() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let name = "drover-escape-\(getpid())"
        #expect(symlink("/\(name)", fixture.folder + "/task/local/way") == 0)
        try Folder.make(fixture.folder + "/volume", mode: 0o755)
        try SmallFile.replace(fixture.folder + "/volume/file", with: Array("there\n".utf8), mode: 0o644)
        let volume: JSON = [
            "source": .string(fixture.folder + "/volume"), "target": "/local/way/in", "read_only": true,
        ]
        let error = await #expect(throws: ExecutorError.self) {
            try await fixture.launch("t", "true", TaskFixture.Wish(mounts: [volume]))
        }
        #expect(error?.message.contains("cannot mount \(fixture.folder)/volume") == true, "\(error?.message ?? "")")
        #expect(access("/\(name)", F_OK) != 0)
        let plain: JSON = ["source": .string(fixture.folder + "/volume"), "target": "/data/in", "read_only": true]
        let lines = try await fixture.run(
            "cat /data/in/file; touch /data/in/x || echo no", TaskFixture.Wish(mounts: [plain]))
        #expect(lines == ["there", "no"])
        let shared: JSON = ["source": "/srv", "target": "/data/out", "propagation": "rslave"]
        let refused = await #expect(throws: (any Error).self) {
            try await fixture.launch("t", "true", TaskFixture.Wish(mounts: [shared]))
        }
        #expect(refused.map { "\($0)" }?.contains("rslave") == true, "\(refused.map { "\($0)" } ?? "")")
    }

    /// A terminal has a name inside the task, is its user's, and is the caller's for all purposes.
    @Test(.timeLimit(.minutes(1))) func aCommandsTerminalHasAName() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let task = try await fixture.launch("t", "sleep 1000", TaskFixture.Wish())
        let (outer, inner) = try Terminal.open()
        let user = try AsyncDescriptor(outer)
        let executor = fixture.executor
        let script = """
            tty; stat -c %U $(tty); echo here >$(tty); stty size; read line; stty size; echo "got $line"
            head -c 200000 /dev/zero | tr '\\0' x; exit 3
            """
        let request: JSON = ["argv": ["sh", "-c", .string(script)], "tty": true]
        try Terminal.setSize(outer.number, rows: 31, columns: 99)
        async let ended = fixture.ask {
            executor.exec(
                id: "t", commandID: "c", request: Array(request.text.utf8), stdin: inner.number, stdout: inner.number,
                stderr: inner.number, call: $0)
        }
        var text = ""
        func says(_ end: String) async throws {
            while !text.contains(end) { text += String(decoding: try await user.read(count: 4_096), as: UTF8.self) }
        }
        try await says("31 99\r\n")
        #expect(text == "/dev/pts/0\r\nnobody\r\nhere\r\n31 99\r\n")
        try executor.resize(commandID: "c", rows: 21, columns: 77)
        try await user.write(Array("wrox\u{7f}nd\r".utf8))
        try await says("got wrond\r\n")
        #expect(text.contains("21 77\r\n"), "\(text)")
        // With the one that was typed, and taken back.
        var left = 200_001 - text.utf8.count { $0 == UInt8(ascii: "x") }
        while left > 0 { left -= try await user.read(count: 65_536).count { $0 == UInt8(ascii: "x") } }
        #expect(try await ended["exit_code"]?.integer == 3)
        #expect(try await eventually { access("/proc/\(task)/root/dev/pts/0", F_OK) != 0 }, "nothing is left of it")
    }

    /// Nobody reads, and what a killed command wrote does not hold its end.
    @Test(.timeLimit(.minutes(1))) func aCommandOnATerminalEndsWithItsCaller() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        try await fixture.launch("t", "sleep 1000", TaskFixture.Wish())
        let (outer, inner) = try Terminal.open()
        let executor = fixture.executor
        let request: JSON = ["argv": ["sh", "-c", "echo begun; exec yes"], "tty": true]
        let user = try AsyncDescriptor(outer)
        let result = await withCheckedContinuation { continuation in
            let call = ClosureCall { continuation.resume(returning: ($0, $1)) }
            executor.exec(
                id: "t", commandID: "c", request: Array(request.text.utf8), stdin: inner.number, stdout: inner.number,
                stderr: inner.number, call: call)
            Task {
                _ = try? await user.read(count: 5)
                // By now it has filled all that holds what nobody reads.
                try? await Task.sleep(for: .milliseconds(200))
                call.cancel()
            }
        }
        #expect(result.0 == 0 && String(decoding: result.1, as: UTF8.self).contains("\"signal\":9"))
    }

    /// Nothing but a loopback that works; commands inside have it, too.
    @Test func aGroupWithoutNetworkHasNone() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t", "u") }
        var wish = TaskFixture.Wish()
        let script = "grep -c 127.0.0.1 /proc/net/fib_trie; tail -n +3 /proc/net/dev | cut -d: -f1 | xargs"
        #expect(try await fixture.run(script, wish).last != "lo")
        wish.network = "none"
        try await fixture.launch("u", "\(script); sleep 1000", wish)
        #expect(try await fixture.says("lo", "u"))
        #expect((Int(fixture.lines("u").first ?? "") ?? 0) > 0, "\(fixture.lines("u"))")
        #expect(try await fixture.exec("u", script).last == "lo")
    }

    /// A reservation's nodes and mounts, in their places.
    @Test func whatADeviceBringsIsThere() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        try Folder.make(fixture.folder + "/lib", mode: 0o755)
        try SmallFile.replace(fixture.folder + "/lib/file", with: Array("there\n".utf8), mode: 0o644)
        var wish = TaskFixture.Wish(user: "root")
        wish.devices = [
            [
                "vendor": "acme", "type": "board", "model": "one", "ids": ["1"],
                "reservation": [
                    "env": ["BOARD": "1"],
                    "mounts": [
                        ["source": .string(fixture.folder + "/lib"), "target": "/opt/board/lib", "read_only": true],
                        ["source": .string(fixture.folder + "/lib"), "target": "/srv/board"],
                    ],
                    "devices": [["host_path": "/dev/zero", "task_path": "/dev/board/0", "permissions": "rw"]],
                ],
            ]
        ]
        let script = """
            cat /opt/board/lib/file; touch /opt/board/lib/x 2>/dev/null || echo no; touch /srv/board/y && echo yes
            head -c 3 /dev/board/0 | wc -c
            """
        #expect(try await fixture.run(script, wish) == ["there", "no", "yes", "3"])
    }

    /// What the reservation of a GPU of AMD or Intel shows.
    @Test func sysIsSeenAndCannotBeWritten() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let sys: JSON = ["source": "/sys", "target": "/sys", "read_only": true]
        let script = """
            ls /sys/class | grep -c . > /dev/null && echo seen
            for folder in $(sed -n 's|^[^ ]* \\(/sys[^ ]*\\) .*|\\1|p' /proc/mounts); do
                if mkdir $folder/x-$$ 2>/dev/null || [ -w $folder/cgroup.procs ]; then echo "$folder is writable"; fi
            done
            (echo 1 > /sys/kernel/profiling) 2>/dev/null && echo written
            true
            """
        let wish = TaskFixture.Wish(settings: "{}", user: "root", mounts: [sys])
        #expect(try await fixture.run(script, wish) == ["seen"])
    }

    @Test(arguments: [
        (["command": "no-such-program"] as [String: JSON], "PATH"), (["command": "/root/x"], "/root/x"),
        (["work_dir": "/nowhere"], "/nowhere"),
    ])
    func refusesWithWhatAndWhere(config: [String: JSON], word: String) async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let error = await #expect(throws: ExecutorError.self) {
            try await fixture.launch("t", "true", TaskFixture.Wish(config: config))
        }
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        #expect(fixture.left() == [])
    }
}
