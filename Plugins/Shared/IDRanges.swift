public import DroverSDK

/// Numbers and ranges of user or group ids, as operators write them: "0,10-99,1000".
public struct IDRanges: Sendable {
    private let ranges: [ClosedRange<UInt32>]

    /// Parses `text`; "" is no range at all.
    ///
    /// - Throws: ``PluginError`` with `invalid` naming `key` and the part that is wrong.
    public init(_ text: String, key: String) throws(PluginError) {
        var ranges: [ClosedRange<UInt32>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: true) {
            let bounds = part.split(separator: "-", maxSplits: 1).map { UInt32(SmallFile.trim($0)) }
            guard let first = bounds.first.flatMap({ $0 }), let last = bounds.last.flatMap({ $0 }), first <= last else {
                let wrong = SmallFile.trim(part)
                throw PluginError(.invalid, "\"\(key)\": \"\(wrong)\" is no id and no range such as \"10-99\"")
            }
            ranges.append(first...last)
        }
        self.ranges = ranges
    }

    public func contains(_ id: UInt32) -> Bool {
        ranges.contains { $0.contains(id) }
    }
}
