internal import Basics
internal import Glibc
internal import Linux

/// `drover plugin-probe FILE`: loads a library in this process, makes an instance, and says on stdout what it is, as one JSON line.
///
/// For plug-in authors and for `drover plugin status`; the agent itself probes by an isolated host (DESIGN §4).
package enum PluginProbe {
    /// - Returns: the exit code: 0 when the library is a plug-in that this agent can load, 1 when not, 64 for wrong arguments.
    package static func main(_ arguments: [String]) -> Int32 {
        guard arguments.count == 1, let file = arguments.first else {
            say("use: drover plugin-probe FILE\n", to: 2)
            return 64
        }
        let result = probe(file)
        say(result.text + "\n", to: 1)
        return result["error"] == nil ? 0 : 1
    }

    /// What is told of the library at `file`: its manifest's head and its state, or `error`.
    static func probe(_ file: String) -> JSON {
        var members: [(String, JSON)] = [("file", .string(file))]
        var template = Array("/tmp/drover-probe-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return .object(members + [("error", .string("no folder in /tmp"))]) }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Folder.remove(folder) }
        do {
            let manifest = try Manifest(library: file)
            members.append(("name", .string(manifest.name)))
            members.append(("version", .string(manifest.version)))
            members.append(("abi", .string(manifest.abi)))
            members.append(("interfaces", .array(manifest.interfaces.map { .string($0) })))
            var settings = HostSettings()
            settings.file = file
            settings.folder = folder
            settings.config = try Schema.apply(manifest.configSchema, to: .object([]), what: "the empty configuration")
            let instance = try settings.makeInstance(services: ProbeServices(), clock: SystemClock())
            members.append(("scorers", .array(instance.scorers.map { $0.description(as: $0.name) })))
            instance.stop()
        } catch {
            members.append(("error", .string("\(error)")))
        }
        return .object(members)
    }

    private static func say(_ text: String, to descriptor: Int32) {
        text.withCString { _ = write(descriptor, $0, strlen($0)) }
    }
}

/// A host with nobody to tell: log lines go to stderr.
private struct ProbeServices: HostServices {
    func log(level: Int32, message: String, fields: [UInt8]) {
        (message + "\n").withCString { _ = write(2, $0, strlen($0)) }
    }

    func metric(_ kind: MetricKind, name: String, value: Double, labels: [UInt8]) {}

    func taskEvent(id: String, message: String, details: [UInt8]) {}

    func changed(_ what: String) {}

    func listScorers() -> Answer { Answer(code: 0, bytes: Array("[]".utf8)) }

    func score(_ name: String, columns: Block) -> Answer {
        Answer(PluginError(.unsupported, "there are no scorers while a plug-in is probed"))
    }
}
