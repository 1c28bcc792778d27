internal import Glibc
package import PluginHost
internal import Testing

/// What driver.h says of `create_network` and `destroy_network`, asked of any driver that makes networks of groups, on real namespaces.
package struct NetworkConformance {
    private let driver: any Driver
    private let unique: String

    /// `unique` sets its allocations apart from those of other tests.
    package init(_ driver: any Driver, unique: String) {
        (self.driver, self.unique) = (driver, unique)
    }

    /// `crash` kills the plug-in's process, and returns when another is there.
    package func check(crash: () async throws -> Void) async throws {
        #expect(driver.capabilities.mustCreateNetwork && driver.capabilities.networkIsolation.contains("group"))
        let (one, two) = ("one-\(unique)", "two-\(unique)")
        let first = try namespace(try await driver.createNetwork(one, hostname: "inside"))
        let second = try namespace(try await driver.createNetwork(two, hostname: ""))
        #expect(first != second, "each allocation has its own")
        #expect(first != (try namespace("/proc/self/ns/net")), "it is not the host's")
        #expect(try namespace(try await driver.createNetwork(one, hostname: "inside")) == first, "asked again")
        try await crash()
        #expect(
            try namespace(try await driver.createNetwork(one, hostname: "inside")) == first, "it outlives the driver")

        try await driver.destroyNetwork(one)
        try await driver.destroyNetwork(one)
        try await driver.destroyNetwork("never-\(unique)")
        #expect(try namespace(try await driver.createNetwork(two, hostname: "")) == second, "others' stay")
        try await driver.destroyNetwork(two)
        // Who was destroyed may come again.
        _ = try namespace(try await driver.createNetwork(one, hostname: "inside"))
        try await driver.destroyNetwork(one)
    }

    /// The number by which the kernel knows the namespace at `path`.
    private func namespace(_ path: String) throws -> UInt64 {
        var status = stat()
        try #require(path.hasPrefix("/") && stat(path, &status) == 0, "\(path) is no file")
        var buffer = [CChar](repeating: 0, count: 256)
        let count = readlink(path, &buffer, buffer.count)
        let target = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #expect(target.hasPrefix("net:["), "\(path) is a network namespace")
        return UInt64(status.st_ino)
    }
}
