internal import Basics
package import Glibc
internal import Linux

/// A folder that is gone when the value is.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init(_ name: String = "test") throws {
        var template = Array("/tmp/drover-\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw HTTPConnection.Failure(description: "mkdtemp failed") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? SystemDisk().remove(path) }

    package func write(_ name: String, _ text: String) throws {
        let file = try SystemDisk().open(path + "/" + name, create: true, exclusive: false)
        defer { file.close() }
        try file.truncate(0)
        try file.write(Array(text.utf8), at: 0)
    }

    package func read(_ name: String) throws -> String {
        String(decoding: try SystemDisk().read(path + "/" + name, limit: 64 << 20), as: UTF8.self)
    }
}

/// The programs and libraries built beside the running test or benchmark, or in the folder that `DROVER_BINARIES` names.
package enum Binaries {
    package static let folder: String = {
        if let named = getenv("DROVER_BINARIES") { return String(cString: named) }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let executable = String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let beside = executable.parentPath
        // `swift test` on Linux runs the bundle through its own runner: the bundle's folder is the second candidate.
        if access(beside + "/drover", X_OK) == 0 { return beside }
        return CommandLine.arguments.compactMap { argument in
            argument.contains(".xctest") ? argument.parentPath : nil
        }.first { access($0 + "/drover", X_OK) == 0 } ?? beside
    }()

    /// Starts a program of ours with its output going to a file; `launcher` is a program and arguments that runs it in its place.
    package static func spawn(
        _ name: String, _ arguments: [String], output: String, environment: [String: String] = [:],
        through launcher: [String] = []
    ) throws
        -> pid_t
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let path = launcher.first ?? folder + "/" + name
        let line = launcher + [folder + "/" + name] + arguments
        var words: [UnsafeMutablePointer<CChar>?] = line.map { strdup($0) } + [nil]
        var variables = environment
        variables["SWIFT_BACKTRACE"] = "enable=no"
        variables["PATH"] = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + settings { free(pointer) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, path, &actions, nil, &words, &settings)
        guard result == 0 else {
            throw HTTPConnection.Failure(description: "spawn \(path): \(String(cString: strerror(result)))")
        }
        return pid
    }

    /// Runs a program of ours to its end; its exit code and all it printed.
    package static func run(
        _ name: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws
        -> (code: Int32, output: String)
    {
        let folder = try TemporaryFolder("run")
        let pid = try spawn(name, arguments, output: folder.path + "/output", environment: environment)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return (status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f, try folder.read("output"))
    }
}
