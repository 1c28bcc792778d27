import DroverSDK
import Glibc
import Linux
import TaskTestSupport
import Testing

extension TaskFixture {
    /// Starts a shell script.
    @discardableResult
    func launch(_ id: String, _ script: String, _ wish: Wish = Wish()) async throws -> Int32 {
        var wish = wish
        wish.config["command"] = wish.config["command"] ?? "sh"
        wish.config["args"] = ["-c", .string(script)]
        return try await launch(id, wish)
    }

    /// Runs a script to its end; its lines.
    func run(_ script: String, _ wish: Wish = Wish()) async throws -> [String] {
        try await launch("t", script, wish)
        _ = try await wait("t")
        return lines("t")
    }
}
