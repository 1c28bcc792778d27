internal import DroverSDK
internal import Glibc
internal import PluginSupport

/// Who a registry is asked as.
struct RegistryCredentials: Hashable, Sendable {
    var username = ""
    var password = ""
    var email = ""
    var server = ""
    /// In place of name and password, as helpers of some clouds answer.
    var token = ""

    /// The header X-Registry-Auth (Engine API: authentication).
    var header: String {
        var members: [String: JSON] = ["serveraddress": .string(server)]
        if token.isEmpty {
            members["username"] = .string(username)
            members["password"] = .string(password)
            if !email.isEmpty { members["email"] = .string(email) }
        } else {
            members["identitytoken"] = .string(token)
        }
        return Base64.encode(Array(JSON.object(members).text.utf8), isForURLs: true)
    }
}

/// Where credentials come from: the block `auth` of the operator's configuration.
struct RegistrySettings: Sendable {
    /// Path of a file as `docker login` writes it; "": none.
    let file: String
    /// The program docker-credential-<helper>; "": none.
    let helper: String

    init(_ config: JSON) throws(PluginError) {
        file = try config.text("config")
        helper = try config.text("helper")
        guard !helper.contains("/") else {
            throw PluginError(.invalid, "\"auth.helper\": \"\(helper)\" is the end of docker-credential-..., no path")
        }
    }

    /// The first credentials found for `image`: the task's own, those of the file, the helper's; `nil`: none are set up.
    ///
    /// - Throws: ``PluginError`` when a source that is set up cannot be used.
    func credentials(
        for image: ImageName, task: JSON?, on loop: EventLoop, clock: Clock
    ) async throws
        -> RegistryCredentials?
    {
        if let task = try RegistrySettings.own(task, image) { return task }
        if !file.isEmpty, let found = try await fromFile(image.registry, loop, clock) { return found }
        guard !helper.isEmpty else { return nil }
        return try await CredentialHelper(name: helper).ask(image.registry, on: loop, clock: clock)
    }

    private static func own(_ block: JSON?, _ image: ImageName) throws(PluginError) -> RegistryCredentials? {
        guard let block else { return nil }
        let server = try block.text("server_address")
        let own = RegistryCredentials(
            username: try block.text("username"), password: try block.text("password"), email: try block.text("email"),
            server: server.isEmpty ? image.registry : server)
        return own.username.isEmpty && own.password.isEmpty ? nil : own
    }

    private func fromFile(_ registry: String, _ loop: EventLoop, _ clock: Clock) async throws -> RegistryCredentials? {
        guard let text = SmallFile.read(file) else {
            throw PluginError(.notFound, "the registry credentials in \"auth.config\", \(file), cannot be read")
        }
        let config = try JSON(parsing: text)
        let names = RegistrySettings.names(registry)
        if let helper = names.lazy.compactMap({ config["credHelpers"]?[$0]?.string }).first {
            return try await CredentialHelper(name: helper).ask(registry, on: loop, clock: clock)
        }
        if let entry = names.lazy.compactMap({ config["auths"]?[$0] }).first,
            let found = try RegistrySettings.entry(entry, registry, file: file)
        {
            return found
        }
        guard let store = config["credsStore"]?.string, !store.isEmpty else { return nil }
        return try await CredentialHelper(name: store).ask(registry, on: loop, clock: clock)
    }

    /// How `docker login` may have written a registry's name.
    private static func names(_ registry: String) -> [String] {
        registry == ImageName.hub
            ? [ImageName.hub, "https://index.docker.io/v1", "index.docker.io", "docker.io"]
            : [
                registry, "https://\(registry)", "https://\(registry)/", "https://\(registry)/v1/",
                "http://\(registry)",
            ]
    }

    private static func entry(_ entry: JSON, _ registry: String, file: String) throws -> RegistryCredentials? {
        if let token = entry["identitytoken"]?.string, !token.isEmpty {
            return RegistryCredentials(server: registry, token: token)
        }
        if let name = entry["username"]?.string, let password = entry["password"]?.string, !name.isEmpty {
            return RegistryCredentials(username: name, password: password, server: registry)
        }
        guard let encoded = entry["auth"]?.string, !encoded.isEmpty else { return nil }
        guard let bytes = Base64.decode(encoded), let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else {
            throw PluginError(.invalid, "\(file): \"auth\" of \(registry) is not base64 of \"user:password\"")
        }
        return RegistryCredentials(
            username: String(decoding: bytes[..<colon], as: UTF8.self),
            password: String(decoding: bytes[(colon + 1)...].filter { $0 != 0 }, as: UTF8.self), server: registry)
    }
}

/// RFC 4648 §4, and §5 for URLs.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8], isForURLs: Bool = false) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for index in 0..<3 { bits = bits << 8 | (index < part.count ? UInt32(part[start + index]) : 0) }
            for index in 0..<4 {
                let digit = digits[Int(bits >> UInt32(18 - 6 * index) & 63)]
                text.append(index <= part.count ? digit : UInt8(ascii: "="))
            }
        }
        guard isForURLs else { return String(decoding: text, as: UTF8.self) }
        let swap: [UInt8: UInt8] = [UInt8(ascii: "+"): UInt8(ascii: "-"), UInt8(ascii: "/"): UInt8(ascii: "_")]
        return String(decoding: text.map { swap[$0] ?? $0 }, as: UTF8.self)
    }

    /// `nil` for text that is none; either alphabet, with or without padding.
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 where byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\n") {
            let plain =
                byte == UInt8(ascii: "-") ? UInt8(ascii: "+") : byte == UInt8(ascii: "_") ? UInt8(ascii: "/") : byte
            guard let value = digits.firstIndex(of: plain) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}
