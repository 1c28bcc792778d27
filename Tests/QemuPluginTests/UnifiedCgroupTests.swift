import Glibc
import Linux
import PluginHostTestSupport
import Testing

/// The unified hierarchy (cgroup v2) where the machine has the older ones: tests of `exec`, as they are, in a guest that mounts it.
///
/// The guest sees this machine's files, read-only, and runs this very program with a filter.
@Suite(
    "exec: cgroup v2", .enabled(if: Machine.isRoot, "needs root"),
    .enabled(if: LinuxGuest.missing == nil, "\(LinuxGuest.missing ?? "")"))
struct UnifiedCgroupTests {
    /// Limits of cpu, cpus, memory and processes set and felt; ends of whole groups; nothing left.
    private static let tests = [
        "isLimited", "feelsItsLimits", "overUseOfMemoryIsReportedAsSuch", "stopEndsWhatIgnoresItAndWhatForkedAway",
        "deathOfTheShimEndsTheTaskAndLeavesNothing",
    ]

    @Test func limitsHoldInTheUnifiedHierarchy() throws {
        let scratch = Scratch("unified")
        try LinuxGuest.install(try script(), in: scratch.path)
        let words = LinuxGuest.arguments.map { "'\($0.replacing("/local", with: scratch.path))'" }.joined(
            separator: " ")
        let command = """
            timeout --signal=KILL 400 qemu-system-x86_64 -machine pc -cpu max -accel tcg,tb-size=512 -m 1536 -smp 2 \
            -nographic -no-reboot -nic none \(words) \
            -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
            -device virtio-9p-pci,fsdev=host,mount_tag=host </dev/null >\(scratch.path)/console 2>&1
            """
        let code = system(command)
        let console = SmallFile.text(scratch.path + "/console") ?? ""
        try #require(code == 0, "\(console.suffix(4_000))")
        let lines = console.split(whereSeparator: \.isNewline)
        let controllers = lines.first { $0.contains("controllers: ") } ?? ""
        for name in ["cpu", "cpuset", "memory", "pids"] { #expect(controllers.contains(" \(name)"), "\(console)") }
        for test in Self.tests {
            #expect(
                lines.contains { $0.contains("Test \(test)()") && $0.contains(" passed after ") }, "\(test): \(console)"
            )
        }
        #expect(lines.contains { $0.contains("the tests ended with 0") }, "\(console.suffix(4_000))")
    }

    private func script() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        var program = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // `swift test` loads the tests into a program of its own.
        if !program.hasSuffix(".xctest") {
            program = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") })
        }
        let filter = "LifeTests/(\(Self.tests.joined(separator: "|")))"
        return """
            load virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci netfs fscache 9pnet 9pnet_virtio 9p
            mkdir /host
            mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=262144 host /host
            for folder in proc sys dev; do mount --move /$folder /host/$folder; done
            mkdir /package
            mount -o bind /host\(PluginBuilder.package) /package
            for folder in tmp run; do mount -t tmpfs $folder /host/$folder; done
            mkdir -p /host\(PluginBuilder.package)
            mount -o bind /package /host\(PluginBuilder.package)
            mount -t cgroup2 cgroup2 /host/sys/fs/cgroup
            echo "controllers: $(cat /host/sys/fs/cgroup/cgroup.controllers)"
            cat > /host/run/tests <<'END'
            cd \(PluginBuilder.package)
            SWIFT_BACKTRACE=enable=no '\(program)' --testing-library swift-testing --no-parallel --filter '\(filter)' 2>&1
            echo "the tests ended with $?"
            exec /run/busybox poweroff -f
            END
            cp /bin/busybox /host/run/busybox
            exec switch_root /host /bin/sh /run/tests
            """
    }
}
