import Basics
import TestSupport
import Testing

@testable import Gossip
@testable import Membership

@Suite struct KeyringTests {
    static let first = [UInt8](repeating: 1, count: 16)
    static let second = [UInt8](repeating: 2, count: 32)

    /// A packet that serf 0.9.4 sealed with the key of its own documentation, taken from the wire.
    @Test func opensWhatSerfSealed() throws {
        let sealed = bytes(
            """
            01 # AES-GCM without padding
            84201d8d85fbb673d1ffceed # nonce
            daaca8df9e3313dedc29545ef88699669863f8d726352d07c44a2ebed1068ef13838d37e299bbb12e3e32d99e593689f
            a638866986367ac433f73be50583ef52c3219cb702d1a061f349317081f5645f1d300ab4b6914d6cbee0e8d0f14dec7d
            d24597d4c3823db256289668a040af28fc5694451db084ea91a32667433d77ac79a747
            25fe88d2f83573c4e1d1b7dfe5f4c0b0 # tag
            """)
        let keyring = try Keyring(base64: ["cg8StVXbQJ0gPvMd9o7yrg=="])
        let plain = try #require(keyring.open(sealed, authenticating: []))
        let (messages, failures) = Packet.read(plain)
        #expect(failures.isEmpty && !messages.isEmpty)
        let source = PingSource(address: GossipAddress(bytes: [127, 0, 0, 1], port: 27_946), node: "s1")
        #expect(messages.contains { if case .ping(let ping) = $0 { ping.source == source } else { true } })
    }

    @Test(arguments: [Keyring.Form.plain, .padded], [0, 1, 15, 16, 17, 1_400])
    func sealedComesBack(form: Keyring.Form, count: Int) throws {
        let keyring = try Keyring(keys: [Self.first])
        let plain = (0..<count).map { UInt8($0 & 255) }
        let sealed = try keyring.seal(plain, authenticating: [9], form: form)
        #expect(sealed.first == form.rawValue)
        #expect(form == .padded || sealed.count == count + Keyring.overheadBytes)
        #expect(keyring.open(sealed, authenticating: [9]) == plain)
        #expect(keyring.open(sealed, authenticating: [8]) == nil, "the context is authenticated")
        var damaged = sealed
        damaged[damaged.count - 1] ^= 1
        #expect(keyring.open(damaged, authenticating: [9]) == nil)
        #expect(try Keyring(keys: [Self.second]).open(sealed, authenticating: [9]) == nil)
        for cut in [0, 1, 12, 28] { #expect(keyring.open(Array(sealed.prefix(cut)), authenticating: [9]) == nil) }
    }

    @Test func keysRotateWithoutAGap() throws {
        var ring = try Keyring(keys: [Self.first])
        let old = try ring.seal([1], authenticating: [])
        try ring.install(Self.second)
        try ring.use(Self.second)
        #expect(ring.keys == [Self.second, Self.first])
        #expect(ring.open(old, authenticating: []) == [1], "what was sealed before still opens")
        #expect(throws: KeyringError.inUse) { try ring.remove(Self.second) }
        try ring.remove(Self.first)
        #expect(ring.open(old, authenticating: []) == nil)
        #expect(throws: KeyringError.notInstalled) { try ring.use(Self.first) }
        #expect(throws: KeyringError.length(5)) { try ring.install([1, 2, 3, 4, 5]) }
        #expect(throws: KeyringError.empty) { try Keyring(keys: []) }
        #expect(throws: KeyringError.notBase64) { try Keyring(base64: ["?"]) }
        for index in 1..<Keyring.keysMax { try ring.install([UInt8](repeating: UInt8(100 + index), count: 24)) }
        #expect(throws: KeyringError.full) { try ring.install(Self.first) }
    }

    @Test func keysSurviveOnDisk() throws {
        let folder = try TemporaryFolder("keyring")
        let file = KeyringFile(path: folder.path + "/serf.keyring", disk: systemSeam.disk)
        #expect(try file.load() == nil)
        let ring = try Keyring(keys: [Self.second, Self.first])
        try file.save(ring)
        #expect(try file.load() == ring)
        try folder.write("serf.keyring", "{\"keys\":1}")
        #expect(throws: KeyringFileError.self) { try file.load() }
    }

    /// Bytes of hexadecimal digits; from `#` to the end of a line is a comment.
    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.split(separator: "\n").flatMap { $0.prefix { $0 != "#" } }.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
