internal import DroverSDK
internal import Glibc
internal import PluginSupport

/// An emulator of this machine: `qemu-system-ARCH`.
struct Emulator: Equatable, Sendable {
    let architecture: String
    /// The program's file.
    let path: String

    private static let prefix = "qemu-system-"

    /// How long `--version` may take on a busy machine.
    private static let millisecondsMax: Int64 = 20_000

    /// The architecture of this machine, in qemu's words.
    static var native: String {
        var name = utsname()
        uname(&name)
        return withUnsafeBytes(of: &name.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The architecture that an emulator is named after, or the text itself.
    static func architecture(_ text: String) -> String {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    }

    /// The architectures whose emulators `search` holds, sorted.
    static func architectures(in search: String) -> [String] {
        ProgramPath.names(prefix: prefix, in: search).map(architecture).filter(isName)
    }

    /// The emulator that a job names, "" being this machine's.
    ///
    /// - Throws: ``PluginError`` naming the key when it is no name, not allowed or not there.
    static func find(_ text: String, in search: String, _ settings: QemuSettings) throws(PluginError) -> Emulator {
        let architecture = text.isEmpty ? native : architecture(text)
        guard isName(architecture) else {
            throw PluginError(.invalid, "\"emulator\": \"\(text)\" is no name such as \"qemu-system-x86_64\"")
        }
        guard settings.allows(architecture) else {
            throw PluginError(.denied, "\"emulator\": \(architecture) is not in the operator's emulators_allowlist")
        }
        guard let path = ProgramPath.find(prefix + architecture, in: search) else {
            throw PluginError(
                .notFound,
                "\"emulator\": no \(prefix)\(architecture) in the agent's PATH (\(search)): install it on this node")
        }
        return Emulator(architecture: architecture, path: path)
    }

    /// The machine that is emulated when the job names none.
    var usualMachine: String { ["x86_64", "i386"].contains(architecture) ? "pc" : "virt" }

    /// What the program at `path` says of its version: "7.2.22".
    ///
    /// - Throws: ``PluginError/Code/io`` with what it did instead.
    static func version(_ path: String) throws(PluginError) -> String {
        switch ProgramRun.of([path, "--version"], millisecondsMax: millisecondsMax) {
        case .ended(0, let output):
            guard let version = version(in: output) else {
                throw PluginError(.io, "\(path) --version tells no version: \(SmallFile.trim(output.prefix(200)))")
            }
            return version
        case .ended(let code, let output):
            throw PluginError(.io, "\(path) --version ended with \(code): \(SmallFile.trim(output.prefix(200)))")
        case .tookTooLong: throw PluginError(.io, "\(path) --version did not end within \(millisecondsMax / 1_000) s")
        case .notStarted(let reason): throw PluginError(.io, "cannot execute \(path): \(reason)")
        }
    }

    /// The digits after the word "version".
    static func version(in output: String) -> String? {
        let words = output.split { $0.isWhitespace }
        guard let word = words.firstIndex(of: "version"), word + 1 < words.count else { return nil }
        let version = words[word + 1].prefix { $0.isNumber || $0 == "." }
        return version.isEmpty ? nil : String(version)
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 }
    }
}
