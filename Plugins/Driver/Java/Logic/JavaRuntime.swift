internal import DroverSDK
internal import PluginSupport

/// A Java runtime of this machine, as `java -version` tells.
struct JavaRuntime: Equatable, Sendable {
    /// Such as "17.0.15" or "1.8.0_412".
    let version: String
    /// The line about the runtime: "OpenJDK Runtime Environment (build ...)".
    let runtime: String
    /// The line about the virtual machine: vendor, name and mode.
    let machine: String

    /// How long `java -version` may take on a busy machine.
    private static let millisecondsMax: Int64 = 20_000

    /// What the program at `path` says of its version.
    ///
    /// - Throws: ``PluginError/Code/io`` with what it did instead.
    static func ask(_ path: String) throws(PluginError) -> String {
        switch ProgramRun.of([path, "-version"], millisecondsMax: millisecondsMax) {
        case .ended(0, let output):
            guard JavaRuntime(output) != nil else {
                throw PluginError(.io, "\(path) -version tells no version: \(SmallFile.trim(output.prefix(200)))")
            }
            return output
        case .ended(let code, let output):
            throw PluginError(.io, "\(path) -version ended with \(code): \(SmallFile.trim(output.prefix(200)))")
        case .tookTooLong: throw PluginError(.io, "\(path) -version did not end within \(millisecondsMax / 1_000) s")
        case .notStarted(let reason): throw PluginError(.io, "cannot execute \(path): \(reason)")
        }
    }

    /// Parses what `java -version` writes: three lines, after any about options picked up from the environment.
    init?(_ output: String) {
        let lines = output.split(separator: "\n").map { SmallFile.trim($0) }.filter { !$0.hasPrefix("Picked up ") }
        guard lines.count >= 3, let quote = lines[0].firstIndex(of: "\"") else { return nil }
        let quoted = lines[0][lines[0].index(after: quote)...]
        version = String(quoted.prefix { $0.isNumber || $0 == "." || $0 == "_" })
        runtime = lines[1]
        machine = lines[2]
        if version.isEmpty { return nil }
    }
}
