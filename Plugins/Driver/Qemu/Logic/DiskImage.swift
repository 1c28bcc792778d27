internal import DroverSDK
internal import Glibc
internal import PluginSupport

/// The image that a job names, found inside the folders that it may use.
struct DiskImage: Equatable, Sendable {
    /// As the emulator sees it, in the task's root.
    let path: String
    var format: ImageFormat
    /// The operator's folder that holds it; `nil` when it is the task's own.
    let sharedFolder: String?

    /// Finds the image `text`: below `local`, `alloc` or `secrets`, with or without a slash before it, or in one of `folders`.
    /// `writes`: whether the guest's changes go into it.
    ///
    /// - Throws: ``PluginError`` naming "image_path" when it lies elsewhere, is reached through a link or "..", is no
    ///   file, or is one that `user` may not use.
    init(
        _ text: String, task: TaskDocument, folders: [String], user: UserAccount, writes: Bool
    ) throws(PluginError) {
        let parts = text.split(separator: "/").map(String.init)
        guard !text.utf8.contains(0), parts.count > 1, !parts.contains(".."), !parts.contains(".") else {
            throw DiskImage.invalid(text, "must be a path of a file in a folder, without \".\", \"..\" and NUL bytes")
        }
        let absolute = "/" + parts.joined(separator: "/")
        path = absolute
        if let own = task.folder(parts[0]), ["local", "alloc", "secrets"].contains(parts[0]) {
            sharedFolder = nil
            format = try DiskImage.look(text, folder: own, parts.dropFirst(), user, writes: writes)
        } else if text.hasPrefix("/"), let folder = folders.first(where: { absolute.hasPrefix($0 + "/") }) {
            sharedFolder = folder
            let rest = parts.dropFirst(folder.split(separator: "/").count)
            format = try DiskImage.look(text, folder: folder, rest, user, writes: writes)
        } else {
            let allowed = (["local", "alloc", "secrets"] + folders).joined(separator: ", ")
            throw PluginError(
                .denied, "\"image_path\": \"\(text)\" lies outside the folders that images may be in: \(allowed)")
        }
    }

    /// Where it lies on this host.
    func file(of task: TaskDocument) -> String {
        let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
        guard sharedFolder == nil, parts.count == 2, let folder = task.folder(parts[0]) else { return path }
        return "\(folder)/\(parts[1])"
    }

    /// The last part of the path.
    var name: String { String(path.split(separator: "/").last ?? "") }

    /// Walks from `folder` to the file, following no link, and reads its head.
    private static func look(
        _ text: String, folder: String, _ parts: ArraySlice<String>, _ user: UserAccount, writes: Bool
    ) throws(PluginError) -> ImageFormat {
        var current = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard current >= 0 else { throw failed(text, folder) }
        defer { close(current) }
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            let flags = isLast ? O_NONBLOCK : O_DIRECTORY
            let next = openat(current, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags)
            guard next >= 0 else { throw failed(text, part) }
            close(current)
            current = next
        }
        var status = stat()
        guard fstat(current, &status) == 0 else { throw failed(text, text) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw invalid(text, "is no regular file") }
        guard may(user, status, 4) else { throw denied(text, "read") }
        guard !writes || may(user, status, 2) else {
            throw denied(text, "write", ", or \(QemuCommand.snapshotOptions[0]) in \"args\" to lose its changes")
        }
        var head = [UInt8](repeating: 0, count: ImageFormat.headBytes)
        let count = pread(current, &head, head.count, 0)
        guard count >= 0 else { throw failed(text, text) }
        return ImageFormat(head: Array(head.prefix(count)))
    }

    /// Whether the permission bit (4: read, 2: write) holds for `user`.
    private static func may(_ user: UserAccount, _ status: stat, _ bit: UInt32) -> Bool {
        if user.uid == 0 { return true }
        if user.uid == status.st_uid { return status.st_mode & (bit << 6) != 0 }
        return status.st_mode & (user.gids.contains(status.st_gid) ? bit << 3 : bit) != 0
    }

    private static func invalid(_ text: String, _ reason: String) -> PluginError {
        PluginError(.invalid, "\"image_path\": \"\(text)\" \(reason)")
    }

    private static func denied(_ text: String, _ verb: String, _ otherwise: String = "") -> PluginError {
        PluginError(
            .denied,
            "\"image_path\": the task's user may not \(verb) \"\(text)\": give it the file, or name another user"
                + otherwise)
    }

    private static func failed(_ text: String, _ part: String) -> PluginError {
        let error = errno
        guard error != ELOOP && error != ENOTDIR else {
            return invalid(text, "leads through a link, or no folder, at \"\(part)\"; images are reached without links")
        }
        let reason = String(cString: strerror(error))
        return PluginError(
            error == ENOENT ? .notFound : .io, "\"image_path\": cannot open \"\(text)\" at \"\(part)\": \(reason)")
    }
}
