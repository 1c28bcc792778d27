package import Basics
internal import CDroverABI

/// What a library says of itself in its section `.drover.manifest` (plugin.h), readable without running its code.
package struct Manifest: Sendable, Equatable {
    /// The text as it is in the file, without the zero bytes at its end.
    package let text: [UInt8]
    package let name: String
    package let version: String
    package let abiVersion: Int64
    package let abiHash: String
    package let interfaces: [String]
    package let configSchema: JSON?
    package let taskSchema: JSON?
    /// One call at a time for the whole instance.
    package let isSerial: Bool
    /// Interface id to signature lines, for interfaces that are not of this ABI.
    package let signatures: [String: String]

    package static let interfacesMax = 16

    /// Reads the manifest of the library at `path`; checks its form and its ABI.
    package init(library path: String) throws(PluginError) {
        let section = try ELFFile(path: path).section(named: DROVER_MANIFEST_SECTION)
        guard let section else {
            throw PluginError(
                .invalid,
                "\(path) has no section \(DROVER_MANIFEST_SECTION): is it a Drover plug-in? (DROVER_MANIFEST in plugin.h)"
            )
        }
        do {
            try self.init(section)
        } catch {
            throw error.during(path)
        }
        try Manifest.checkABI(version: abiVersion, hash: abiHash, what: "\(path): manifest")
    }

    /// Reads the section's content; checks its form only.
    package init(_ section: [UInt8]) throws(PluginError) {
        text = Array(section.prefix(section.count - section.reversed().prefix { $0 == 0 }.count))
        let json: JSON
        do { json = try JSONParser.parse(text) } catch { throw Manifest.wrong("\(error)") }
        guard json["drover_manifest"]?.integer == 1 else { throw Manifest.wrong("\"drover_manifest\" is not 1") }
        name = try Manifest.text("name", of: json)
        version = try Manifest.text("version", of: json)
        abiHash = try Manifest.text("abi_hash", of: json)
        guard let abi = json["abi"]?.integer else { throw Manifest.wrong("\"abi\" is missing or no number") }
        abiVersion = abi
        guard Manifest.isName(name) else {
            throw Manifest.wrong("\"name\" is \"\(name)\": use 1 to 64 of a-z, 0-9, \"_\" and \"-\"")
        }
        let ids = (json["interfaces"]?.array ?? []).compactMap(\.string)
        guard !ids.isEmpty, ids.count <= Manifest.interfacesMax, ids.count == json["interfaces"]?.array?.count else {
            throw Manifest.wrong("\"interfaces\" must list 1 to \(Manifest.interfacesMax) texts")
        }
        interfaces = ids
        configSchema = json["config_schema"]
        taskSchema = json["task_schema"]
        for schema in [("config_schema", configSchema), ("task_schema", taskSchema)] {
            if let value = schema.1 { try Schema.checkForm(value, path: schema.0) }
        }
        let threading = json["threading"]?.string ?? "any"
        guard threading == "any" || threading == "serial" else {
            throw Manifest.wrong("\"threading\" is \"\(threading)\", not \"any\" or \"serial\"")
        }
        isSerial = threading == "serial"
        var lines: [String: String] = [:]
        for member in json["signatures"]?.object?.members ?? [] {
            guard let text = member.value.string else { throw Manifest.wrong("\"signatures\" must hold texts") }
            _ = try Signature.parse(text)
            lines[member.key] = text
        }
        signatures = lines
    }

    /// The kinds it offers, in a fixed order: "driver", "scheduler", "scorer", "fingerprint", "device".
    package var kinds: [PluginKind] { PluginKind.allCases.filter { interfaces.contains($0.interfaceID) } }

    /// The ABI in one word, for lists.
    package var abi: String { abiVersion == 0 ? "0-\(abiHash)" : "\(abiVersion)" }

    /// Compares with the ABI of this build; the error names the field and both values.
    static func checkABI(version: Int64, hash: String, what: String) throws(PluginError) {
        guard version == Int64(DROVER_ABI_VERSION) else {
            throw PluginError(
                .abi,
                "\(what): abi_version is \(version), this agent speaks \(DROVER_ABI_VERSION); use a plug-in built for it"
            )
        }
        guard DROVER_ABI_VERSION > 0 || hash == DROVER_ABI_HASH else {
            throw PluginError(
                .abi,
                "\(what): abi_hash is \"\(hash)\", this agent's headers have \"\(DROVER_ABI_HASH)\"; "
                    + "while the ABI is a draft, rebuild the plug-in with the agent's SDK")
        }
    }

    private static func text(_ key: String, of json: JSON) throws(PluginError) -> String {
        guard let text = json[key]?.string, !text.isEmpty else { throw wrong("\"\(key)\" is missing or no text") }
        return text
    }

    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f || byte == 0x2d
            }
    }

    private static func wrong(_ reason: String) -> PluginError { PluginError(.invalid, "manifest: \(reason)") }
}

/// What a plug-in is for.
package enum PluginKind: String, Sendable, CaseIterable {
    case driver, scheduler, scorer, fingerprint, device

    package var interfaceID: String {
        switch self {
        case .driver: DROVER_DRIVER_1
        case .scheduler: DROVER_SCHEDULER_1
        case .scorer: DROVER_SCORER_1
        case .fingerprint: DROVER_FINGERPRINT_1
        case .device: DROVER_DEVICE_1
        }
    }
}
