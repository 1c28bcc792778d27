import DroverSDK
import Testing

@testable import DockerPlugin

/// Requests and answers as bytes.
@Suite("docker: HTTP")
struct HTTPTests {
    @Test func requestsAreWrittenAsTheEngineReadsThem() {
        var create = EngineRequest(
            "POST", "/containers/create", ["name": "web-1 ä/b"], body: ["Image": "box:1", "Tty": false])
        create.fields = [("X-Registry-Auth", "e30=")]
        #expect(
            String(decoding: create.bytes(host: "docker"), as: UTF8.self) == """
                POST /containers/create?name=web-1%20%C3%A4%2Fb HTTP/1.1\r
                Host: docker\r
                User-Agent: drover\r
                Connection: close\r
                X-Registry-Auth: e30=\r
                Content-Type: application/json\r
                Content-Length: 29\r
                \r
                {"Image":"box:1","Tty":false}
                """)
        var upgrade = EngineRequest("POST", "/exec/1/start", body: .object([:]))
        upgrade.upgrades = true
        let text = String(decoding: upgrade.bytes(host: "h:1"), as: UTF8.self)
        #expect(text.contains("Connection: Upgrade\r\nUpgrade: tcp\r\n"))
        var archive = EngineRequest("POST", "/images/load")
        archive.archiveBytes = 7
        #expect(String(decoding: archive.bytes(host: "h"), as: UTF8.self).hasSuffix("Content-Length: 7\r\n\r\n"))
        #expect(!String(decoding: EngineRequest("GET", "/").bytes(host: "h"), as: UTF8.self).contains("Length"))
    }

    /// Answers as dockerd gives them, in pieces of every size; what follows the head is the body.
    static let answers: [(String, status: Int, body: String, isWhole: Bool)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nApi-Version: 1.41\r\n\r\nhello", 200, "hello", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "", true),
        ("HTTP/1.0 200 OK\n\nuntil the end", 200, "until the end", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nEnd: 1\r\n\r\n",
            200, "hello 0123456789", true
        ),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 200, "hel", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 200, "hel", false),
    ]

    @Test(arguments: [1, 2, 5, 1_000])
    func listsAreReadElementByElement(size: Int) throws {
        let text = #" [ {"a":"]}\"\\","b":[1,{"c":2}]} ,\n{},[3] ] "#
        var (elements, found) = (JSONElements(), [JSON]())
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            found += try elements.feed(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        #expect(found == [["a": "]}\"\\", "b": [1, ["c": 2]]], .object([:]), [3]])
        var endless = JSONElements()
        #expect(throws: PluginError.self) {
            try endless.feed(Array("[{\"".utf8) + [UInt8](repeating: 0x61, count: JSONElements.elementBytesMax))
        }
    }

    @Test(arguments: answers, [1, 3, 1_000])
    func answersAreReadWhereverTheyAreCut(
        answer: (text: String, status: Int, body: String, isWhole: Bool), size: Int
    ) throws {
        var waiting = Array(answer.text.utf8)[...]
        var head: ResponseHead?
        var bytes: [UInt8] = []
        var body: [UInt8] = []
        var decoder: BodyDecoder?
        while !waiting.isEmpty {
            bytes += waiting.prefix(size)
            waiting = waiting.dropFirst(size)
            if head == nil {
                head = try ResponseHead.take(from: &bytes)
                decoder = try head.map { try BodyDecoder($0) }
            }
            if decoder != nil {
                body += try decoder?.decode(bytes) ?? []
                bytes = []
            }
        }
        #expect(head?.status == answer.status)
        #expect(String(decoding: body, as: UTF8.self) == answer.body)
        if answer.isWhole {
            try decoder?.close()
            #expect(decoder?.isComplete == true)
        } else {
            #expect(throws: PluginError.self) { try decoder?.close() }
        }
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n: nothing\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1e9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "\u{16}\u{3}\u{1}",
    ])
    func garbageIsRefused(text: String) {
        var bytes = Array(text.utf8)
        let error = #expect(throws: PluginError.self) {
            guard let head = try ResponseHead.take(from: &bytes) else { return }
            var decoder = try BodyDecoder(head)
            _ = try decoder.decode(bytes)
        }
        #expect(error?.code == .io && error?.message.contains("endpoint") == true)
    }

    @Test func anEndlessHeadIsRefused() {
        var bytes = Array("HTTP/1.1 200 OK\r\n".utf8) + [UInt8](repeating: 0x61, count: ResponseHead.bytesMax)
        #expect(throws: PluginError.self) { try ResponseHead.take(from: &bytes) }
    }

    @Test func linesOfJSONComeWhole() throws {
        var lines = JSONLines()
        let first = try lines.feed(Array("{\"a\":1}\n{\"b\"".utf8))
        let second = try lines.feed(Array(":2}\r\n\n".utf8))
        #expect(first == [["a": 1]])
        #expect(second == [["b": 2]], "\(second)")
        #expect(throws: PluginError.self) { try lines.feed(Array("nonsense\n".utf8)) }
    }

    @Test(arguments: [
        ("unix:///run/docker.sock", "unix:///run/docker.sock", "docker"),
        ("tcp://10.0.0.1:2376", "tcp://10.0.0.1:2376", "10.0.0.1:2376"), ("http://box/", "tcp://box:2375", "box:2375"),
        ("https://[::1]", "https://::1:2376", "[::1]:2376"),
    ])
    func endpoints(text: String, shown: String, host: String) throws {
        let endpoint = try Endpoint(text)
        #expect(endpoint.text == shown && endpoint.host == host)
    }

    @Test(arguments: [
        "", "docker.sock", "unix://relative", "tcp://", "tcp://h:0", "tcp://h:99999", "ssh://h", "npipe:////./x",
    ])
    func wrongEndpointsNameTheKey(text: String) {
        let error = #expect(throws: PluginError.self) { try Endpoint(text) }
        #expect(error?.code == .invalid && error?.message.contains("\"endpoint\"") == true)
    }

    /// 01 standard output, three zeros, length in big-endian, content; 02 standard error.
    @Test func framesAreTakenApartWhereverTheyAreCut() throws {
        let bytes: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 2, 0x68, 0x69, 2, 0, 0, 0, 0, 0, 0, 1, 0x21, 1, 0, 0, 0, 0, 0, 0, 0]
        for size in [1, 5, 100] {
            var decoder = FrameDecoder()
            var found: [String] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                for frame in try decoder.feed(Array(bytes[start..<min(start + size, bytes.count)])) {
                    found.append("\(frame.stream) \(String(decoding: frame.content, as: UTF8.self))")
                }
            }
            #expect(found == ["output hi", "error !", "output "])
        }
    }

    @Test(arguments: [[3, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0x7f, 0, 0, 0]] as [[UInt8]])
    func whatIsNoFrameIsRefused(bytes: [UInt8]) {
        var decoder = FrameDecoder()
        #expect(throws: PluginError.self) { try decoder.feed(bytes) }
    }
}
