internal import Basics
internal import Crypto

/// The pool's keys: the first seals, all of them open, so keys can be changed without a moment in which members part.
package struct Keyring: Sendable, Equatable {
    /// 16, 24 or 32 bytes each: AES-128, -192 or -256. The first is in use.
    package private(set) var keys: [[UInt8]]

    /// Keys held at once; serf's answer to a listing holds about as many.
    package static let keysMax = 32

    /// Which form ``seal(_:authenticating:)`` writes; both are read.
    package enum Form: UInt8, Sendable {
        /// Padded to whole blocks (PKCS #7), of memberlist's protocol 1.
        case padded = 0
        case plain = 1

        fileprivate static let versionBytes = 1
        fileprivate static let nonceBytes = 12
        fileprivate static let tagBytes = 16
        fileprivate static let blockBytes = 16
    }

    /// Bytes that sealing adds in form ``Form/plain``: version, nonce and tag.
    package static let overheadBytes = Form.versionBytes + Form.nonceBytes + Form.tagBytes

    /// A keyring whose first key is in use; throws ``KeyringError`` for a key of another length or none at all.
    package init(keys: [[UInt8]]) throws(KeyringError) {
        guard let first = keys.first else { throw .empty }
        self.keys = [first]
        for key in keys { try install(key) }
        try check(first)
    }

    /// From base64 as operators write it.
    package init(base64 texts: [String]) throws(KeyringError) {
        var keys: [[UInt8]] = []
        for text in texts {
            guard let key = Base64.decode(text) else { throw .notBase64 }
            keys.append(key)
        }
        try self.init(keys: keys)
    }

    // MARK: - Changing

    /// Accepts what is sealed with `key` from now on.
    package mutating func install(_ key: [UInt8]) throws(KeyringError) {
        try check(key)
        guard !keys.contains(key) else { return }
        guard keys.count < Keyring.keysMax else { throw .full }
        keys.append(key)
    }

    /// Seals with `key` from now on.
    package mutating func use(_ key: [UInt8]) throws(KeyringError) {
        guard let index = keys.firstIndex(of: key) else { throw .notInstalled }
        keys.remove(at: index)
        keys.insert(key, at: 0)
    }

    /// Accepts `key` no more.
    package mutating func remove(_ key: [UInt8]) throws(KeyringError) {
        guard key != keys.first else { throw .inUse }
        keys.removeAll { $0 == key }
    }

    private func check(_ key: [UInt8]) throws(KeyringError) {
        guard [16, 24, 32].contains(key.count) else { throw .length(key.count) }
    }

    // MARK: - Sealing

    /// Form, nonce, ciphertext and tag (AES-GCM); `context` is covered by the tag and does not travel here.
    func seal(_ plain: [UInt8], authenticating context: [UInt8], form: Form = .plain) throws -> [UInt8] {
        let padding = form == .padded ? Form.blockBytes - plain.count % Form.blockBytes : 0
        let text = plain + [UInt8](repeating: UInt8(padding), count: padding)
        let box = try AES.GCM.seal(text, using: SymmetricKey(data: keys[0]), authenticating: context)
        return [form.rawValue] + Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    /// What was sealed with any of the keys; nil for all else.
    func open(_ sealed: [UInt8], authenticating context: [UInt8]) -> [UInt8]? {
        guard let code = sealed.first, let form = Form(rawValue: code), sealed.count >= Keyring.overheadBytes,
            let box = try? AES.GCM.SealedBox(combined: sealed.dropFirst())
        else { return nil }
        for key in keys {
            guard let plain = try? AES.GCM.open(box, using: SymmetricKey(data: key), authenticating: context) else {
                continue
            }
            return form == .plain ? Array(plain) : Keyring.withoutPadding(Array(plain))
        }
        return nil
    }

    private static func withoutPadding(_ padded: [UInt8]) -> [UInt8]? {
        guard let last = padded.last, (1...Form.blockBytes).contains(Int(last)), padded.count >= Int(last) else {
            return nil
        }
        return Array(padded.dropLast(Int(last)))
    }
}

/// Why keys cannot be changed so.
package enum KeyringError: Error, Equatable, CustomStringConvertible {
    case empty
    case notBase64
    case length(Int)
    case full
    case notInstalled
    case inUse

    package var description: String {
        switch self {
        case .empty: "a gossip keyring needs a key; make one with: drover operator gossip keyring generate"
        case .notBase64: "a gossip key is not base64; make one with: drover operator gossip keyring generate"
        case .length(let count): "a gossip key has \(count) bytes; it must have 16, 24 or 32"
        case .full: "the keyring holds \(Keyring.keysMax) keys already; remove one that is not in use"
        case .notInstalled: "the gossip key is not in the keyring; install it first"
        case .inUse: "the gossip key is in use; use another one first"
        }
    }
}
