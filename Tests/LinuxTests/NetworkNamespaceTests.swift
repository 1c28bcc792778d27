import Glibc
import Linux
import Testing

@Suite(.enabled(if: geteuid() == 0, "needs root, for network namespaces")) struct NetworkNamespaceTests {
    private let path = "/run/netns/drover-test-\(UInt32.random(in: 0...UInt32.max))"

    private func number(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    @Test func isHeldUntilLetGo() throws {
        #expect(!NetworkNamespace.isHeld(at: path))
        try NetworkNamespace.make(at: path)
        defer { try? NetworkNamespace.release(path) }
        #expect(NetworkNamespace.isHeld(at: path))
        #expect(
            number(path) != number("/proc/self/ns/net")
                && number("/proc/thread-self/ns/net") == number("/proc/self/ns/net"))
        let other = path + "-b"
        try NetworkNamespace.hold(path, at: other)
        #expect(number(other) == number(path))
        try NetworkNamespace.release(path)
        #expect(!NetworkNamespace.isHeld(at: path) && access(path, F_OK) != 0 && NetworkNamespace.isHeld(at: other))
        try NetworkNamespace.release(other)
        try NetworkNamespace.release(other)
    }
}
