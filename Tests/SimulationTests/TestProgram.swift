import Glibc
import Server
import Simulation
import Testing

/// The program these tests run in: where it lies, what its environment asks of it, and how to play a seed in it or in
/// another.
enum TestProgram {
    /// `SIM_SEED`.
    static var seed: UInt64? { variable("SIM_SEED").flatMap { UInt64($0) } }

    /// `SIM_SEEDS` seeds from `SIM_FIRST` on.
    static var soak: [UInt64]? {
        guard let count = variable("SIM_SEEDS").flatMap({ UInt64($0) }) else { return nil }
        let first = variable("SIM_FIRST").flatMap { UInt64($0) } ?? 1
        return Array(first..<first + count)
    }

    /// `SIM_LINES`: how much of a trace is shown.
    static var lines: Int { variable("SIM_LINES").flatMap { Int($0) } ?? 40 }

    /// Whether the environment asks for nothing special.
    static var isOrdinary: Bool { seed == nil && soak == nil && variable("SIM_EVENTS") == nil }

    /// Days since 1970 by the clock of the machine.
    static var day: Int { time(nil) / 86_400 }

    static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Plays a seed to its end.
    static func play(
        _ seed: UInt64, _ change: (inout ClusterSettings) -> Void = { _ in }
    ) throws -> ClusterReport {
        var settings = ClusterSettings(seed: seed, pluginFolder: try folder())
        if let events = variable("SIM_EVENTS").flatMap({ Int($0) }) { settings.play(events: events) }
        change(&settings)
        return Cluster(settings).run()
    }

    /// Plays a seed to its end and then does something to the server.
    static func play(
        _ seed: UInt64, tamper: @escaping @Sendable (ServerAgent) async throws -> Void
    ) throws -> ClusterReport {
        Cluster(ClusterSettings(seed: seed, pluginFolder: try folder())).run(tamper: tamper)
    }

    /// Plays a seed in a process of its own, in the root folder; returns what it prints. `environment` has variables, "NAME=value",
    /// besides what programs need to be found, or in the place of that.
    static func playElsewhere(_ seed: UInt64, environment own: [String] = []) throws -> String {
        let program = try #require(program, "the program has no path")
        let arguments = [
            "/bin/sh", "-c", #"cd / && exec "$0" "$@""#, program, "--testing-library", "swift-testing", "--filter",
            "ClusterTests/promisesHold",
        ]
        var path = Array("/tmp/drover-simulation-XXXXXX".utf8CString)
        let output = mkstemp(&path)
        try #require(output >= 0)
        unlink(path)
        defer { close(output) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        let inherited = ["PATH", "HOME", "LD_LIBRARY_PATH"].filter { name in !own.contains { $0.hasPrefix("\(name)=") }
        }
        let environment =
            ["SIM_SEED=\(seed)", "SIM_LINES=1000000", "SWIFT_BACKTRACE=enable=no"] + own
            + inherited.compactMap { name in variable(name).map { "\(name)=\($0)" } }
        var pid: pid_t = 0
        let result = withCStrings(arguments) { arguments in
            withCStrings(environment) { posix_spawn(&pid, "/bin/sh", &actions, nil, arguments, $0) }
        }
        try #require(result == 0, "posix_spawn of \(program) failed: \(result)")
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        lseek(output, 0, SEEK_SET)
        return readAll(output)
    }

    /// The folder of the program, which is that of the libraries built with it.
    private static func folder() throws -> String {
        let path = try #require(program, "the program has no path")
        let slash = try #require(path.lastIndex(of: "/"))
        let folder = String(path[..<slash])
        let library = folder + "/libdrover-scheduler-service.so"
        try #require(access(library, R_OK) == 0, "missing \(library): build all products first (swift build)")
        return folder
    }

    private static var program: String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &bytes, bytes.count - 1)
        return count > 0 ? String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    private static func readAll(_ file: Int32) -> String {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(decoding: output, as: UTF8.self) }
            output += buffer[..<count]
        }
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = strings.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}
