internal import DroverSDK
internal import Glibc

/// The formats of images that guests write, as they were before a guest first could.
///
/// A guest may write what it likes at the start of a raw disk, another format's header too, and such a header names further files
/// for the emulator to open. So an image keeps the format it began with, for as long as it is the same file.
struct ImageFormats: Sendable {
    private static let prefix = "image:"

    let store: KeyValueStore

    /// `image` in the format in which it was first met.
    ///
    /// - Throws: ``PluginError`` when that cannot be stored: a later attempt would not know it.
    func asFirstMet(_ image: DiskImage, of task: TaskDocument) throws(PluginError) -> DiskImage {
        let file = image.file(of: task)
        guard let inode = inode(file) else { return image }
        let key = Self.prefix + String(hash(file), radix: 16)
        if let record = record(key), record["file"]?.string == file, record["inode"]?.string == inode,
            let format = record["format"]?.string.flatMap(ImageFormat.init(rawValue:))
        {
            var image = image
            image.format = format
            return image
        }
        forgetTheGone()
        let record: JSON = [
            "file": .string(file), "inode": .string(inode), "format": .string(image.format.rawValue),
        ]
        try store.put(key, Array(record.text.utf8))
        return image
    }

    private func record(_ key: String) -> JSON? {
        guard let bytes = try? store.get(key) else { return nil }
        return try? JSON(parsing: String(decoding: bytes, as: UTF8.self))
    }

    private func forgetTheGone() {
        for key in (try? store.keys(prefix: Self.prefix)) ?? [] {
            guard let record = record(key), let file = record["file"]?.string,
                inode(file) != record["inode"]?.string
            else { continue }
            try? store.remove(key)
        }
    }

    /// What stays the same however a file is written to; nil when there is none.
    private func inode(_ file: String) -> String? {
        var status = stat()
        return stat(file, &status) == 0 ? "\(status.st_dev) \(status.st_ino)" : nil
    }

    /// FNV-1a, 64 bits: a key is shorter than a path may be.
    private func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
