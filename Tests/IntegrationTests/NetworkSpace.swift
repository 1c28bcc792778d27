import Foundation
import TestSupport

/// Network namespaces for tests, by the programs of iproute2.
enum NetworkSpace {
    static let isPossible = getuid() == 0 && (try? run("ip netns list")) != nil

    /// Runs a shell line; what it printed. Throws, with that, when it fails.
    @discardableResult
    static func run(_ command: String) throws -> String {
        guard let pipe = popen("(\(command)) 2>&1", "r") else {
            throw NeverHappened(description: "cannot run \(command)")
        }
        var output = ""
        while let line = readLine(pipe) { output += line }
        guard pclose(pipe) == 0 else { throw NeverHappened(description: "\(command): \(output)") }
        return output
    }

    private static func readLine(_ pipe: UnsafeMutablePointer<FILE>) -> String? {
        var buffer = [CChar](repeating: 0, count: 1_024)
        guard fgets(&buffer, Int32(buffer.count), pipe) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
