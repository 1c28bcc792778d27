internal import Glibc

/// A user of this machine with the groups that it is in.
public struct UserAccount: Sendable {
    public let uid: UInt32
    public let gids: [UInt32]

    /// The account this process runs as.
    public static var current: UserAccount {
        UserAccount(uid: geteuid(), gids: [getegid()])
    }

    /// The account of a name or a number, optionally ":" and a group; `nil` when the machine has none.
    public static func find(_ text: String) -> UserAccount? {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let user = parts.first, let account = entry(user) else { return nil }
        guard parts.count == 2 else { return account }
        guard let gid = UInt32(parts[1]) ?? group(parts[1]) else { return nil }
        return UserAccount(uid: account.uid, gids: [gid])
    }

    private static func group(_ name: String) -> UInt32? {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        getgrnam_r(name, &entry, &buffer, buffer.count, &found)
        return found == nil ? nil : entry.gr_gid
    }

    private static func entry(_ user: String) -> UserAccount? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        if let uid = UInt32(user) {
            getpwuid_r(uid, &entry, &buffer, buffer.count, &found)
            guard found != nil else { return UserAccount(uid: uid, gids: []) }
        } else {
            getpwnam_r(user, &entry, &buffer, buffer.count, &found)
            guard found != nil else { return nil }
        }
        var count: Int32 = 256
        var groups = [gid_t](repeating: 0, count: Int(count))
        let total = getgrouplist(entry.pw_name, entry.pw_gid, &groups, &count)
        return UserAccount(uid: entry.pw_uid, gids: total < 0 ? [entry.pw_gid] : Array(groups.prefix(Int(count))))
    }
}
