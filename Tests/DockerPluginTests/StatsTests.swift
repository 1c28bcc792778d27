import CDroverABI
import DroverSDK
import Testing

@testable import DockerPlugin

/// Counters of control groups, and of an engine's answer, as records.
@Suite("docker: statistics")
struct StatsTests {
    private let container = "0123456789abcdef"

    private func head(_ record: [UInt8]) -> drover_task_stats {
        record.withUnsafeBytes { $0.loadUnaligned(as: drover_task_stats.self) }
    }

    @Test func versionOneHasAFolderAController() throws {
        let groups =
            "5:memory:/docker/\(container)\n4:cpu,cpuacct:/docker/\(container)\n3:blkio:/docker/\(container)\n0::/\n"
        let root = "/sys/fs/cgroup"
        let files = [
            "/proc/7/cgroup": groups, "\(root)/cpuacct/docker/\(container)/cpuacct.usage": "30\n",
            "\(root)/cpuacct/docker/\(container)/cpuacct.usage_user": "20\n",
            "\(root)/cpu/docker/\(container)/cpu.stat": "nr_periods 9\nnr_throttled 2\nthrottled_time 5\n",
            "\(root)/memory/docker/\(container)/memory.stat": "cache 3\nrss 4\nswap 0\n",
            "\(root)/memory/docker/\(container)/memory.max_usage_in_bytes": "8\n",
            "\(root)/blkio/docker/\(container)/blkio.throttle.io_service_bytes_recursive":
                "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\n8:16 Read 1\nTotal 31\n",
        ]
        let group = try #require(ContainerCgroup(pid: 7, container: container) { files[$0] })
        let stats = head(try #require(group.usage("t", time: 9) { files[$0] }).record)
        #expect(
            stats.cpu_ns == 30 && stats.cpu_user_ns == 20 && stats.throttled_periods == 2 && stats.throttled_ns == 5)
        #expect(stats.memory_cache == 3 && stats.memory_rss == 4 && stats.memory_usage_max == 8)
        #expect(stats.io_read_bytes == 11 && stats.io_write_bytes == 20)
        let absent = DROVER_STATS_PIDS | DROVER_STATS_CPU_SYSTEM_NS | DROVER_STATS_USAGE
        #expect(stats.present & absent == 0)
    }

    @Test func versionTwoHasOneFolder() throws {
        let folder = "/sys/fs/cgroup/system.slice/docker-\(container).scope"
        let files = [
            "/proc/7/cgroup": "0::/system.slice/docker-\(container).scope\n",
            folder + "/cpu.stat": "usage_usec 3\nuser_usec 2\nsystem_usec 1\nnr_throttled 4\nthrottled_usec 5\n",
            folder + "/memory.stat": "anon 6\nfile 7\n", folder + "/memory.current": "8\n",
            folder + "/pids.current": "9\n",
            folder + "/io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2\n8:16 rbytes=1 wbytes=2 rios=0 wios=0\n",
        ]
        let group = try #require(ContainerCgroup(pid: 7, container: container) { files[$0] })
        let stats = head(try #require(group.usage("t", time: 9) { files[$0] }).record)
        #expect(stats.cpu_ns == 3_000 && stats.cpu_system_ns == 1_000 && stats.throttled_ns == 5_000)
        #expect(stats.memory_rss == 6 && stats.memory_cache == 7 && stats.memory_usage == 8 && stats.pids == 9)
        #expect(stats.io_read_bytes == 11 && stats.io_write_bytes == 22)
    }

    /// A process that is not here, or is another: its counters must not be taken for the container's.
    @Test(arguments: ["0::/\n", "0::/docker/fedcba\n", "0::/../docker/0123456789abcdef\n", "nonsense"])
    func othersGroupsAreNotTaken(groups: String) {
        #expect(ContainerCgroup(pid: 7, container: container) { _ in groups } == nil)
        #expect(ContainerCgroup(pid: 0, container: container) { _ in "0::/docker/\(container)\n" } == nil)
    }

    @Test func theEnginesAnswerFromElsewhere() throws {
        let sample = try JSON(
            parsing: """
                {"cpu_stats":{"cpu_usage":{"total_usage":9,"usage_in_usermode":5,"usage_in_kernelmode":4},
                  "throttling_data":{"throttled_periods":1,"throttled_time":2}},
                 "memory_stats":{"usage":7,"stats":{"anon":3,"file":2}},"pids_stats":{"current":6},
                 "blkio_stats":{"io_service_bytes_recursive":[{"op":"read","value":5},{"op":"Write","value":6},{"op":"Read","value":1}]}}
                """)
        let stats = head(try #require(ContainerStats.record("t", sample, time: 1)))
        #expect(stats.cpu_ns == 9 && stats.cpu_user_ns == 5 && stats.memory_rss == 3 && stats.pids == 6)
        #expect(stats.io_read_bytes == 6 && stats.io_write_bytes == 6)
        #expect(ContainerStats.record("t", .object([:]), time: 1) == nil)
    }
}
