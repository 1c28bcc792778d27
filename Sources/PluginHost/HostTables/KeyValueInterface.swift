internal import Basics
internal import CDroverABI
internal import Glibc
internal import Linux

/// drover.kv/1: one file a key in the plug-in's folder, replaced by rename, so that every process that hosts an instance sees the
/// same state and a kill at any instant leaves the old value or the new one.
final class KeyValueInterface: HostInterface {
    let id = DROVER_KV_1
    private let folder: String
    private let lock = Condition()

    static let keyBytesMax = 256
    static let valueBytesMax = 64 << 10
    static let totalBytesMax = 16 << 20

    init(identity: PluginIdentity) { folder = identity.folder + "/kv" }

    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult {
        let key = Array(arguments.text(0))
        return lock.locked {
            do {
                switch operation {
                case 0: return .code(try get(key, arguments.sink(1)))
                case 1: return .code(try put(key, Array(arguments.text(1))))
                case 2:
                    try Folder.remove(path(of: key))
                    return .code(DROVER_OK)
                default: return .code(try list(key, arguments.sink(1)))
                }
            } catch {
                return .code(DROVER_E_IO)
            }
        }
    }

    /// A file holds the key's length (4 bytes), the key and the value; its name is a hash, for keys may be longer than names.
    private func path(of key: [UInt8]) -> String {
        var first = StableHasher()
        first.combine(key)
        var second = StableHasher()
        second.combine(0x9e37_79b9_7f4a_7c15)
        second.combine(key)
        return "\(folder)/\(String(first.value, radix: 16))-\(String(second.value, radix: 16))"
    }

    private func get(_ key: [UInt8], _ out: drover_sink) throws -> Int32 {
        guard let (found, value) = try read(path(of: key)), found == key else {
            return out.fail(DROVER_E_NOT_FOUND, "no key \"\(String(decoding: key, as: UTF8.self))\"")
        }
        return out.write(bytes: value)
    }

    private func put(_ key: [UInt8], _ value: [UInt8]) throws -> Int32 {
        guard !key.isEmpty, key.count <= KeyValueInterface.keyBytesMax, value.count <= KeyValueInterface.valueBytesMax
        else { return DROVER_E_LIMIT }
        try Folder.make(folder)
        let path = path(of: key)
        var total = 4 + key.count + value.count
        for name in Folder.names(folder) where "\(folder)/\(name)" != path {
            total += KeyValueInterface.size(of: "\(folder)/\(name)")
        }
        guard total <= KeyValueInterface.totalBytesMax else { return DROVER_E_LIMIT }
        var wire = WireWriter(capacity: 4 + key.count + value.count)
        wire.u32(UInt32(key.count))
        try SmallFile.replace(path, with: wire.bytes + key + value)
        return DROVER_OK
    }

    private static func size(of path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    private func list(_ prefix: [UInt8], _ out: drover_sink) throws -> Int32 {
        var keys: [[UInt8]] = []
        for name in Folder.names(folder) where !name.hasSuffix(".new") {
            if let (key, _) = try read("\(folder)/\(name)"), key.starts(with: prefix) { keys.append(key) }
        }
        keys.sort { $0.lexicographicallyPrecedes($1) }
        return out.write(bytes: JSON.array(keys.map { .string(String(decoding: $0, as: UTF8.self)) }).bytes)
    }

    /// Key and value of a file; nil when it is absent or damaged.
    private func read(_ path: String) throws -> (key: [UInt8], value: [UInt8])? {
        guard SmallFile.exists(path) else { return nil }
        let limit = 4 + KeyValueInterface.keyBytesMax + KeyValueInterface.valueBytesMax
        var wire = WireReader(try SmallFile.read(path, limit: limit)[...])
        guard let count = try? wire.u32() else { return nil }
        let rest = wire.rest()
        guard Int(count) <= rest.count else { return nil }
        return (Array(rest.prefix(Int(count))), Array(rest.dropFirst(Int(count))))
    }
}
