import Basics
import Glibc
import Linux
import Synchronization

/// A registry of one image, "box" with tag "1", on this machine (OCI distribution specification: pull), behind a password.
final class Registry: Sendable {
    private struct State {
        var requests: [String] = []
        /// Layers are given once this is false.
        var isHeld = false
        var isOver = false
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Content: Sendable {
        var type: String
        var file: String
    }

    let port: Int
    static let credentials = "Basic bWU6c2VjcmV0"  // me:secret
    private let listener: Int32
    private let contents: [String: Content]
    private let state = Mutex(State())

    /// Serves an image whose one layer is made from the files in `root`; keeps its own files in `folder`.
    init(root: String, folder: String) throws {
        let machine = Registry.output("uname -m") == "aarch64" ? "arm64" : "amd64"
        let layer = folder + "/layer"
        // Each registry's layer is another, so that the engine must ask for it.
        let mark = UInt32.random(in: 0 ... .max)
        _ = system(
            "mkdir -p \(folder) && touch \(folder)/\(mark) && tar -C \(root) -cf \(layer) . -C \(folder) \(mark)")
        let digest = Registry.digest(layer)
        let config = folder + "/config"
        try Registry.write(
            config,
            """
            {"architecture":"\(machine)","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["\(digest)"]}}
            """)
        let manifest = folder + "/manifest"
        let vendor = "application/vnd.docker"
        try Registry.write(
            manifest,
            """
            {"schemaVersion":2,"mediaType":"\(vendor).distribution.manifest.v2+json",
             "config":{"mediaType":"\(vendor).container.image.v1+json","size":\(Registry.size(config)),
                       "digest":"\(Registry.digest(config))"},
             "layers":[{"mediaType":"\(vendor).image.rootfs.diff.tar.gzip","size":\(Registry.size(layer)),"digest":"\(digest)"}]}
            """)
        let manifestContent = Content(type: "\(vendor).distribution.manifest.v2+json", file: manifest)
        contents = [
            "/v2/box/manifests/1": manifestContent, "/v2/box/manifests/\(Registry.digest(manifest))": manifestContent,
            "/v2/box/blobs/\(Registry.digest(config))": Content(type: "application/octet-stream", file: config),
            "/v2/box/blobs/\(digest)": Content(type: "application/octet-stream", file: layer),
        ]
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, length) == 0 && listen(listener, 16) == 0
                    ? getsockname(listener, generic, &length) : -1
            }
        }
        guard code == 0 else { throw Failure(description: "no port for a registry") }
        port = Int(in_port_t(bigEndian: address.sin_port))
    }

    /// The image as jobs name it.
    var image: String { "127.0.0.1:\(port)/box:1" }
    /// "GET /v2/..." of requests that were answered with content.
    var requests: [String] { state.withLock { $0.requests } }
    func hold(_ isHeld: Bool) { state.withLock { $0.isHeld = isHeld } }

    /// Serves while `body` runs.
    func serve(_ body: () async throws -> Void) async throws {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Registry>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        defer {
            state.withLock { state in
                state.isOver = true
                state.isHeld = false
            }
            shutdown(listener, Int32(SHUT_RDWR))
            pthread_join(thread, nil)
            close(listener)
        }
        try await body()
    }

    private func run() {
        while !state.withLock({ $0.isOver }) {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            answer(connection)
            close(connection)
        }
    }

    private func answer(_ connection: Int32) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 8_192)
        while !String(decoding: bytes, as: UTF8.self).contains("\r\n\r\n") {
            let count = read(connection, &buffer, buffer.count)
            // dockerd tries TLS first: that is no text.
            guard count > 0, buffer[0] != 0x16 || !bytes.isEmpty else { return }
            bytes += buffer.prefix(count)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let words = text.split(separator: " ").prefix(2).map(String.init)
        guard text.contains("Authorization: \(Registry.credentials)\r\n") else {
            return send(connection, "401 Unauthorized", ["WWW-Authenticate: Basic realm=\"box\""], [])
        }
        if words[1] == "/v2/" { return send(connection, "200 OK", [], []) }
        guard let content = contents[words[1]] else { return send(connection, "404 Not Found", [], []) }
        state.withLock { $0.requests.append(words.joined(separator: " ")) }
        while words[1].contains("/blobs/"), state.withLock({ $0.isHeld }) { usleep(5_000) }
        let body = (try? SystemDisk().read(content.file, limit: 64 << 20)) ?? []
        let fields = ["Content-Type: \(content.type)", "Docker-Content-Digest: \(Registry.digest(content.file))"]
        send(connection, "200 OK", fields, body, isHead: words[0] == "HEAD")
    }

    private func send(
        _ connection: Int32, _ status: String, _ fields: [String], _ body: [UInt8], isHead: Bool = false
    ) {
        let head = ["HTTP/1.1 \(status)", "Connection: close", "Content-Length: \(body.count)"] + fields + ["", ""]
        var rest = (Array(head.joined(separator: "\r\n").utf8) + (isHead ? [] : body))[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func write(_ path: String, _ text: String) throws {
        try FileDescriptor(path: path, flags: O_WRONLY | O_CREAT | O_TRUNC).write(Array(text.utf8))
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        stat(path, &status)
        return Int(status.st_size)
    }

    private static func digest(_ path: String) -> String { "sha256:" + output("sha256sum \(path) | cut -c1-64") }

    private static func output(_ command: String) -> String {
        guard let pipe = popen(command, "r") else { return "" }
        defer { pclose(pipe) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = fread(&buffer, 1, buffer.count, pipe)
        return String(decoding: buffer.prefix(count).prefix { $0 != 10 }, as: UTF8.self)
    }
}
