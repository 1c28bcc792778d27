import Basics
import Glibc
import Linux
import TraceSimulation

/// Files of the user that `drover sim` reads and writes.
enum SimFiles {
    /// Larger files are refused. 512 MiB.
    private static let bytesMax = 512 << 20

    static func read(_ path: String) throws -> [UInt8] {
        do {
            return try SystemDisk().read(absolute(path), limit: bytesMax)
        } catch {
            throw TraceError("cannot read \(path): \(error)")
        }
    }

    static func write(_ path: String, _ text: String) throws {
        do {
            try SystemDisk().replace(absolute(path), with: Array(text.utf8))
        } catch {
            throw TraceError("cannot write \(path): \(error)")
        }
    }

    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&buffer, buffer.count) != nil else { return "/" + path }
        let folder = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return folder + "/" + path
    }
}
