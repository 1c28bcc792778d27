internal import Glibc

/// A user a process is to run as.
package struct UserIdentity: Equatable, Sendable {
    package var uid: UInt32
    package var gid: UInt32
    /// All groups, the primary one included; at most 64.
    package var groups: [UInt32]
    package var home: String

    package init(uid: UInt32, gid: UInt32, groups: [UInt32], home: String) {
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home
    }

    /// Looks a user up: a name or a uid, optionally ":" and a group name or gid. Nil when there is no such user or group.
    package static func find(_ text: String) -> UserIdentity? {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let first = parts.first, var user = entry(first) else { return nil }
        if parts.count == 2 {
            guard let gid = UInt32(parts[1]) ?? group(parts[1]) else { return nil }
            user.gid = gid
            user.groups = [gid]
        }
        return user
    }

    private static func entry(_ name: String) -> UserIdentity? {
        var record = passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        if let uid = UInt32(name) {
            getpwuid_r(uid, &record, &buffer, buffer.count, &result)
            if result == nil { return UserIdentity(uid: uid, gid: uid, groups: [uid], home: "/") }
        } else {
            getpwnam_r(name, &record, &buffer, buffer.count, &result)
        }
        guard result != nil, let login = record.pw_name else { return nil }
        var groups = [gid_t](repeating: 0, count: 64)
        var count = Int32(groups.count)
        if getgrouplist(login, record.pw_gid, &groups, &count) < 0 { count = min(count, 64) }
        return UserIdentity(
            uid: record.pw_uid, gid: record.pw_gid, groups: Array(groups.prefix(Int(count))),
            home: record.pw_dir.map { String(cString: $0) } ?? "/")
    }

    private static func group(_ name: String) -> UInt32? {
        var record = group_()
        var result: UnsafeMutablePointer<group_>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        getgrnam_r(name, &record, &buffer, buffer.count, &result)
        return result == nil ? nil : record.gr_gid
    }

    private typealias group_ = Glibc.group
}
