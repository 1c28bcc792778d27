package import Basics

/// The keyring on disk, so that changed keys survive a restart: a JSON list of base64 texts, the key in use first. serf's format.
package struct KeyringFile: Sendable {
    private let path: String
    private let disk: any Disk

    /// Bytes of the file; ``Keyring/keysMax`` keys are far below.
    private static let bytesMax = 65_536

    /// The keyring at `path`, an absolute path; its folder exists.
    package init(path: String, disk: any Disk) {
        self.path = path
        self.disk = disk
    }

    /// The keyring, nil when there is none yet. Blocks. Throws ``DiskError``, ``KeyringFileError`` or ``KeyringError``.
    package func load() throws -> Keyring? {
        guard disk.exists(path) else { return nil }
        let bytes = try disk.read(path, limit: KeyringFile.bytesMax)
        guard let texts = try? JSONParser.parse(bytes).array?.map(\.string), !texts.contains(nil) else {
            throw KeyringFileError(path: path)
        }
        return try Keyring(base64: texts.compactMap { $0 })
    }

    /// Replaces the file, mode 0600. Blocks until it is on stable storage.
    package func save(_ keyring: Keyring) throws(DiskError) {
        let json = JSON.array(keyring.keys.map { .string(Base64.encode($0)) })
        try disk.replace(path, with: json.bytes)
    }
}

/// A keyring file that cannot be read.
package struct KeyringFileError: Error, Equatable, CustomStringConvertible {
    package let path: String

    package var description: String {
        "\(path) is not a JSON list of keys; mend it, or move it away to start with the key of the configuration"
    }
}
