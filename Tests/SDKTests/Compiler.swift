import Glibc
import Testing

/// Runs the machine's C and C++ compilers on the SDK of this checkout.
enum Compiler {
    /// The folder of the SDK.
    static let sdk: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/") + "/SDK"
    }()

    static func compile(_ compiler: String, _ arguments: [String]) throws -> (Int32, String) {
        try run(
            ["/usr/bin/env", compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
                + ["-I", "\(sdk)/Sources/CDroverABI/include"] + arguments)
    }

    /// Runs a program to its end; its exit status and what it wrote to standard error.
    static func run(_ command: [String]) throws -> (Int32, String) {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        var arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        let spawned = posix_spawn(&pid, command[0], &actions, nil, &arguments, environ)
        close(ends[1])
        defer { close(ends[0]) }
        try #require(spawned == 0, "cannot run \(command[0]): errno \(spawned)")
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends[0], &chunk, chunk.count), count > 0 { output += chunk[..<count] }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return (status, String(decoding: output, as: UTF8.self))
    }
}
