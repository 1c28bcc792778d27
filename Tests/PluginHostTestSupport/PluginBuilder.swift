internal import Glibc
internal import Linux
internal import Synchronization

/// Compiles C plug-ins for tests, each once a run.
package enum PluginBuilder {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private static let built = Mutex<[String: String]>([:])
    private static let folder: String = {
        let folder = makeFolder("plugins")
        atexit { try? Folder.remove(PluginBuilder.folder) }
        return folder
    }()

    /// The folder of this package.
    package static let package = folders(#filePath, up: 3)

    /// A folder under /tmp; removed by ``Scratch`` or left to the folder of the run.
    package static func makeFolder(_ name: String) -> String {
        var template = Array("/tmp/drover-\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return "/tmp" }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The library made from `source` (a path from the package's folder) with `defines`.
    package static func library(_ source: String, defines: [String] = []) throws -> String {
        let key = ([source] + defines).joined(separator: " ")
        return try built.withLock { built in
            if let path = built[key] { return path }
            let path = "\(folder)/\(built.count).so"
            let command =
                "cc -std=c99 -D_DEFAULT_SOURCE -shared -fPIC \(defines.map { "-D\($0)" }.joined(separator: " ")) "
                + "-I \(package)/SDK/Sources/CDroverABI/include -o \(path) \(package)/\(source)"
            guard system(command) == 0 else { throw Failure(description: "failed: \(command)") }
            built[key] = path
            return path
        }
    }

    /// The program that hosts plug-ins, built beside the tests.
    package static let hostProgram: String = {
        var candidates = CommandLine.arguments.filter { $0.contains(".xctest") }
        var buffer = [CChar](repeating: 0, count: 4_096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        candidates.append(String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self))
        for candidate in candidates {
            var path = candidate[...]
            while let slash = path.lastIndex(of: "/") {
                path = path[..<slash]
                if access("\(path)/drover", X_OK) == 0 && access("\(path)/drover-shim", X_OK) == 0 {
                    return "\(path)/drover"
                }
            }
        }
        return "drover"
    }()

    /// Plug-in libraries built beside the host program.
    package static var builtLibraries: [String] {
        guard let slash = hostProgram.lastIndex(of: "/") else { return [] }
        let folder = hostProgram[..<slash]
        return Folder.names(String(folder)).filter { $0.hasPrefix("libdrover-") && $0.hasSuffix(".so") }
            .map { "\(folder)/\($0)" }
    }

    private static func folders(_ path: String, up count: Int) -> String {
        var path = path[...]
        for _ in 0..<count { path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)] }
        return String(path)
    }
}

/// A folder that goes with the value.
package final class Scratch: Sendable {
    package let path: String

    package init(_ name: String = "host") { path = PluginBuilder.makeFolder(name) }

    deinit { try? Folder.remove(path) }

    package func add(_ library: String, as name: String) throws {
        guard system("mkdir -p \(path)/plugins && cp \(library) \(path)/plugins/\(name)") == 0 else {
            throw PluginBuilder.Failure(description: "cannot copy \(library)")
        }
    }

    package func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = "\(path)/\(name)"
        try FileDescriptor(path: file, flags: O_WRONLY | O_CREAT | O_TRUNC).write(bytes)
        return file
    }
}
