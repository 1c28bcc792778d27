public import Basics

/// The schema of a driver's task configuration (plugin.h) as nodes report it to servers: under a name that follows from its
/// content, so that a schema which thousands of nodes have travels and is kept beside them, once, rather than in each.
public enum DriverSchema {
    /// Bytes of one as JSON at most; a longer one is not reported, and then not checked before the task starts.
    public static let bytesMax = 64 << 10
    /// Of one node at most; those of further drivers, in byte order of their names, are not reported.
    public static let countMax = 256

    /// 16 hexadecimal digits; equal for equal schemas.
    public static func name(of schema: JSON) -> String {
        var hasher = StableHasher()
        hasher.combine(schema.bytes)
        let digits = String(hasher.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
