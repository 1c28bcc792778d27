import Basics
import Testing

@testable import APIClient

@Suite("Client")
struct ClientTests {
    @Test(arguments: [
        ("http://127.0.0.1:4646", AgentAddress.http(host: "127.0.0.1", port: 4646)),
        ("http://nomad.example/", .http(host: "nomad.example", port: 80)),
        ("http://[::1]:4646", .http(host: "::1", port: 4646)),
        ("https://nomad.example", .https(host: "nomad.example", port: 443)),
        ("https://10.0.0.1:4646/", .https(host: "10.0.0.1", port: 4646)),
        ("10.0.0.1:1234", .http(host: "10.0.0.1", port: 1234)),
        ("somewhere", .http(host: "somewhere", port: 4646)),
        ("unix:///run/drover/api.sock", .unix(path: "/run/drover/api.sock")),
    ])
    func addresses(text: String, address: AgentAddress) throws { #expect(try AgentAddress(text) == address) }

    @Test(arguments: [
        ("", "must look like"), ("http://", "must look like"), ("http://a:b", "must look like"),
        ("http://h/path", "must look like"),
        ("unix://relative", "must begin with /"), ("https://h/path", "must look like"),
        ("h:99999", "must look like"),
    ])
    func badAddresses(text: String, reason: String) {
        let error = #expect(throws: AgentAddressError.self) { try AgentAddress(text) }
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test func environment() throws {
        let plain = try DroverClient(environment: [:])
        #expect(plain.address == .http(host: "127.0.0.1", port: 4646))
        let nomad = try DroverClient(environment: [
            "NOMAD_ADDR": "http://a:1", "NOMAD_TOKEN": "t", "NOMAD_NAMESPACE": "n",
        ])
        #expect(nomad.address == .http(host: "a", port: 1) && nomad.token == "t" && nomad.namespace == "n")
        let both = try DroverClient(environment: [
            "NOMAD_ADDR": "http://a:1", "DROVER_ADDR": "http://b:2", "DROVER_REGION": "",
        ])
        #expect(both.address == .http(host: "b", port: 2) && both.region.isEmpty && both.tls == ClientTLS())
        let secure = try DroverClient(environment: [
            "NOMAD_ADDR": "https://a", "NOMAD_CACERT": "ca", "NOMAD_CAPATH": "folder", "NOMAD_CLIENT_CERT": "cert",
            "DROVER_CLIENT_KEY": "key", "NOMAD_TLS_SERVER_NAME": "server.global.nomad", "NOMAD_SKIP_VERIFY": "true",
        ])
        var tls = ClientTLS()
        (tls.authorityFile, tls.authorityFolder, tls.certificateFile, tls.keyFile) = ("ca", "folder", "cert", "key")
        (tls.serverName, tls.skipsVerification) = ("server.global.nomad", true)
        #expect(secure.address == .https(host: "a", port: 443) && secure.tls == tls)
    }

    @Test(arguments: [("web", "web"), ("a/b c", "a%2Fb%20c"), ("€", "%E2%82%AC"), ("a.b-c_d~", "a.b-c_d~")])
    func segments(text: String, encoded: String) {
        #expect(DroverClient.segment(text).uppercased() == encoded.uppercased())
        #expect(DroverClient.jobPath(text, "plan").hasSuffix("/plan"))
    }

    /// Frames are found wherever the bytes are cut.
    @Test(arguments: 1...9)
    func framesCutAnywhere(size: Int) throws {
        let text = #"{"Offset":5,"Data":"aGVsbG8=","File":"a}\"{.0"}{}{"File":"f","FileEvent":"file deleted"}"#
        var decoder = FrameDecoder()
        var frames: [FrameDecoder.Frame] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            frames += try decoder.add(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        #expect(frames.count == 3)
        #expect(frames.first?.data == Array("hello".utf8) && frames.first?.file == "a}\"{.0")
        #expect(frames[1].isHeartbeat)
        #expect(frames.last?.event == "file deleted")
    }

    @Test func badFramesAreRefused() {
        var decoder = FrameDecoder()
        #expect(throws: JSONError.self) { try decoder.add(Array("{x}".utf8)) }
        var endless = FrameDecoder()
        #expect(throws: ConnectionError.self) {
            try endless.add([UInt8](repeating: UInt8(ascii: "["), count: FrameDecoder.frameBytesMax + 1))
        }
    }
}
