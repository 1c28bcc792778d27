internal import DroverSDK

/// The name of an image as a job writes it: "redis:7", "host:5000/team/app@sha256:...", with or without "https://".
struct ImageName: Hashable, Sendable {
    /// As the engine takes it, without tag and digest.
    let repository: String
    /// "latest" when the job gives neither tag nor digest; a digest keeps its "sha256:".
    let tag: String
    let isDigest: Bool

    /// - Throws: ``PluginError/Code/invalid`` naming the key "image".
    init(_ text: String) throws(PluginError) {
        var rest = Substring(text)
        for scheme in ["https://", "http://", "docker://"] where rest.hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
        }
        if let at = rest.firstIndex(of: "@") {
            tag = String(rest[rest.index(after: at)...])
            isDigest = true
            rest = rest[..<at]
            // Of "name:tag@digest" the digest counts.
            if let colon = ImageName.tagColon(rest) { rest = rest[..<colon] }
        } else if let colon = ImageName.tagColon(rest) {
            tag = String(rest[rest.index(after: colon)...])
            isDigest = false
            rest = rest[..<colon]
        } else {
            tag = "latest"
            isDigest = false
        }
        repository = String(rest)
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && text.utf8.count <= 4_096
        guard !repository.isEmpty, !tag.isEmpty, !repository.hasPrefix("/"), isPlain else {
            throw PluginError(.invalid, "\"image\": \"\(text)\" is no image name such as \"redis:7\"")
        }
    }

    /// The colon before the tag: behind the last slash, for earlier ones belong to a registry's port.
    private static func tagColon(_ text: Substring) -> Substring.Index? {
        guard let colon = text.lastIndex(of: ":"), !text[colon...].contains("/") else { return nil }
        return colon
    }

    /// As the engine takes it.
    var reference: String { isDigest ? "\(repository)@\(tag)" : "\(repository):\(tag)" }

    /// Whether a newer image may have come under the same name.
    var isMoving: Bool { !isDigest && tag == "latest" }

    /// The registry's name as credentials are stored under it.
    var registry: String {
        let first = repository.split(separator: "/").first.map(String.init) ?? ""
        let isHost = repository.contains("/") && (first.contains(".") || first.contains(":") || first == "localhost")
        return isHost && first != "docker.io" ? first : ImageName.hub
    }

    /// Docker Hub, as credentials are stored for it.
    static let hub = "https://index.docker.io/v1/"
}
