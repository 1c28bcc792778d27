internal import Basics
internal import Crypto
internal import Model
internal import RPC
internal import StateStore
internal import Synchronization

/// The root keys that this server has, and what is sealed and opened with them.
///
/// A key is a file `<folder>/<id>.json` of mode 0600. Neither log nor snapshots tell more of it than its id, so whoever has those
/// and not this folder reads no variable.
final class Keystore: Sendable {
    /// Bytes of a key, a nonce and a tag: AES-256-GCM (NIST SP 800-38D).
    private static let keyBytes = 32
    private static let nonceBytes = 12
    private static let fileBytesMax = 4_096

    private let folder: String
    private let seam: Seam
    private let keys: Mutex<[ID: [UInt8]]>

    private init(folder: String, seam: Seam, keys: [ID: [UInt8]]) {
        self.folder = folder
        self.seam = seam
        self.keys = Mutex(keys)
    }

    /// Reads the keys in `folder`, which need not be there yet. Throws ``Basics/CallError`` naming a file that is no key.
    static func load(folder: String, seam: Seam) async throws -> Keystore {
        let disk = seam.disk
        let keys = try await seam.blocking.run {
            var keys: [ID: [UInt8]] = [:]
            guard disk.exists(folder) else { return keys }
            for name in try disk.list(folder) where name.hasSuffix(".json") {
                let path = "\(folder)/\(name)"
                guard let key = try? RootKey(json: disk.read(path, limit: fileBytesMax)), let bytes = key.bytes else {
                    throw CallError(
                        .failed,
                        "\(path) holds no root key; restore it from a backup, or remove it to have it fetched "
                            + "from another server")
                }
                keys[key.keyID] = bytes
            }
            return keys
        }
        return Keystore(folder: folder, seam: seam, keys: keys)
    }

    func contains(_ id: ID) -> Bool { keys.withLock { $0[id] != nil } }

    /// The ids of all keys, sorted.
    var ids: [ID] { keys.withLock { $0.keys.sorted() } }

    subscript(id: ID) -> RootKey? { keys.withLock { $0[id] }.map { RootKey(id: id, bytes: $0) } }

    /// A key that nobody else has yet, and that is not stored.
    func newKey() -> RootKey {
        var bytes: [UInt8] = []
        while bytes.count < Keystore.keyBytes { bytes.appendLittleEndian(seam.random.next()) }
        return RootKey(id: seam.random.id(), bytes: bytes)
    }

    /// Keeps a key; returns once it is on disk. Throws ``Basics/CallError`` for what is no key.
    func store(_ key: RootKey) async throws {
        guard let bytes = key.bytes, !key.keyID.isNone else {
            throw CallError(.invalid, "what was to be stored as root key \(key.keyID) is none of this release")
        }
        guard !contains(key.keyID) else { return }
        let (disk, path, folder) = (seam.disk, path(key.keyID), folder)
        try await seam.blocking.run {
            try disk.makeDirectory(folder)
            try disk.replace(path, with: key.jsonBytes)
            // The folder's own name may be new.
            try disk.synchronizeDirectory(folder.parentPath)
        }
        keys.withLock { $0[key.keyID] = bytes }
    }

    func remove(_ id: ID) async throws {
        keys.withLock { $0[id] = nil }
        let (disk, path, folder) = (seam.disk, path(id), folder)
        try await seam.blocking.run {
            try disk.remove(path)
            try disk.synchronizeDirectory(folder)
        }
    }

    private func path(_ id: ID) -> String { "\(folder)/\(id).json" }

    // MARK: - Sealing

    /// Seals items with a key of this keystore, for one variable alone: moved to another path they cannot be opened.
    func seal(_ items: [String: String], for key: VariableKey, with id: ID) throws -> SealedItems {
        var nonce: [UInt8] = []
        while nonce.count < Keystore.nonceBytes { nonce.appendLittleEndian(seam.random.next()) }
        let box = try AES.GCM.seal(
            Packed(items: items).jsonBytes, using: try symmetricKey(id),
            nonce: try AES.GCM.Nonce(data: nonce.prefix(Keystore.nonceBytes)), authenticating: key.context)
        return SealedItems(keyID: id, bytes: Array(box.nonce) + Array(box.ciphertext) + Array(box.tag))
    }

    /// Throws ``MissingRootKey`` when the key is not here, ``Basics/CallError`` for bytes that were tampered with.
    func open(_ sealed: SealedItems, of key: VariableKey) throws -> [String: String] {
        guard !sealed.keyID.isNone else { return [:] }
        let secret = try symmetricKey(sealed.keyID)
        do {
            let box = try AES.GCM.SealedBox(combined: sealed.bytes)
            return try Packed(json: Array(try AES.GCM.open(box, using: secret, authenticating: key.context))).items
        } catch {
            throw CallError(
                .failed,
                "variable \"\(key.path)\" in namespace \"\(key.namespace)\" cannot be decrypted with root key "
                    + "\(sealed.keyID): the key in the keystore is another one, or the state was tampered with")
        }
    }

    private func symmetricKey(_ id: ID) throws -> SymmetricKey {
        guard let bytes = keys.withLock({ $0[id] }) else { throw MissingRootKey(id: id) }
        return SymmetricKey(data: bytes)
    }

    /// What is sealed.
    private struct Packed: Document {
        var items: [String: String] = [:]

        init() {}

        init(items: [String: String]) { self.items = items }

        mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
            try visitor.field("Items", &items)
        }
    }
}

/// A root key that this server's keystore lacks.
struct MissingRootKey: Error, CustomStringConvertible {
    let id: ID

    var description: String { "root key \(id) is not in this server's keystore" }
}

extension VariableKey {
    /// What the tag covers besides the items; no namespace or path has a zero byte.
    fileprivate var context: [UInt8] { Array(namespace.utf8) + [0] + Array(path.utf8) }
}

extension RootKey {
    fileprivate init(id: ID, bytes: [UInt8]) {
        self.init()
        keyID = id
        key = Base64.encode(bytes)
    }

    /// The key itself; nil when this release cannot use it.
    fileprivate var bytes: [UInt8]? {
        guard algorithm == RootKeyMeta.aes256GCM, let bytes = Base64.decode(key), bytes.count == 32 else { return nil }
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func appendLittleEndian(_ word: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
}
