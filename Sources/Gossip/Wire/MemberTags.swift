/// Tags as they travel in a node's meta data: a magic byte and a MessagePack map of text to text.
package enum MemberTags {
    private static let magic: UInt8 = 255

    /// Keys in byte order, so equal tags give equal bytes.
    package static func encode(_ tags: [String: String]) -> [UInt8] {
        var writer = MessagePackWriter(prefix: [magic])
        writer.writeMap(tags.count)
        for (key, value) in tags.sorted(by: { $0.key < $1.key }) { writer.field(key, value) }
        return writer.bytes
    }

    /// Without the magic byte the whole is the one tag `role`, the form of serf before tags; what cannot be read is no tags.
    package static func decode(_ meta: [UInt8]) -> [String: String] {
        guard meta.first == magic else {
            return String(validating: meta, as: UTF8.self).map { ["role": $0] } ?? [:]
        }
        var reader = MessagePackReader(meta, from: 1)
        var tags: [String: String] = [:]
        do throws(WireError) {
            try reader.readFields { reader, key throws(WireError) in
                tags[key] = try reader.readString(limit: WireLimits.metaBytesMax)
                return true
            }
        } catch {
            return [:]
        }
        return tags
    }
}
