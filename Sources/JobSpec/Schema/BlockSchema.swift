package import Basics
package import HCL

/// What a block of a job file may hold, and under which name each part stands in the API's JSON object.
///
/// Job files and API objects say the same things with other names (`memory` is `MemoryMB`). A table of pairs is the
/// whole difference, so reading is one loop over tables instead of a function for each of some sixty blocks.
package struct BlockSchema: Sendable {
    let fields: [Field]
    /// Key that receives the block's label; nil when the block has none.
    let labelKey: String?
    /// What the label is called in messages.
    let labelName: String
    /// Normalisation that is more than a new name.
    let adjust: (@Sendable (inout JSONObject, BodyReader) -> Void)?

    init(
        label: (name: String, key: String)? = nil, _ fields: [Field],
        adjust: (@Sendable (inout JSONObject, BodyReader) -> Void)? = nil
    ) {
        self.fields = fields
        labelKey = label?.key
        labelName = label?.name ?? ""
        self.adjust = adjust
    }

    /// One argument or nested block.
    struct Field: Sendable {
        let name: String
        let key: String
        let kind: Kind

        init(_ name: String, _ key: String, _ kind: Kind) {
            self.name = name
            self.key = key
            self.kind = kind
        }
    }

    indirect enum Kind: Sendable {
        case string, int, bool
        /// A number above 0 and at most 1.
        case share
        /// Text such as `30s`; nanoseconds in JSON.
        case duration
        case strings, ints
        /// Strings by key, as a block or an object.
        case stringMap
        /// Lists of strings by key, as a block or an object.
        case listMap
        /// Any object, as a block or an object.
        case freeForm
        /// At most one block.
        case block(BlockSchema)
        /// Blocks in order: an array.
        case blocks(BlockSchema)
        /// Labelled blocks: an object by label.
        case labelledBlocks(BlockSchema)
    }

    /// Reads a body by this table; faults go to the reader's context.
    package func read(_ reader: BodyReader) -> JSONObject {
        var object = JSONObject()
        if let labelKey, let label = reader.labels.first { object.append(labelKey, .string(label)) }
        for field in fields {
            if let value = read(field, reader) { object[field.key] = value }
        }
        adjust?(&object, reader)
        reader.finish()
        return object
    }

    private func read(_ field: Field, _ reader: BodyReader) -> JSON? {
        switch field.kind {
        case .string: reader.string(field.name).map { .string($0) }
        case .int: reader.int(field.name).map { .integer(Int64($0)) }
        case .share: reader.share(field.name).map { .number($0) }
        case .bool: reader.bool(field.name).map { .bool($0) }
        case .duration: reader.duration(field.name).map { .integer($0.nanosecondCount) }
        case .strings: reader.strings(field.name).map { .array($0.map { .string($0) }) }
        case .ints: reader.ints(field.name)
        case .stringMap:
            reader.stringMap(field.name).map { map in
                .object(map.mapValues { Value.string($0) }.sortedByKey.map { ($0.key, $0.value.json) })
            }
        case .listMap: reader.listMap(field.name)
        case .freeForm: reader.freeForm(field.name).map { Value.object($0).json }
        case .block(let schema): reader.block(field.name, labels: schema.labels).map { .object(schema.read($0)) }
        case .blocks(let schema): blocks(field.name, schema, reader)
        case .labelledBlocks(let schema): labelledBlocks(field.name, schema, reader)
        }
    }

    /// The labels of the block, for messages.
    var labels: [String] { labelKey == nil ? [] : [labelName] }

    private func blocks(_ name: String, _ schema: BlockSchema, _ reader: BodyReader) -> JSON? {
        let items = reader.blocks(name, labels: schema.labels).map { JSON.object(schema.read($0)) }
        return items.isEmpty ? nil : .array(items)
    }

    private func labelledBlocks(_ name: String, _ schema: BlockSchema, _ reader: BodyReader) -> JSON? {
        var object = JSONObject()
        for block in reader.blocks(name, labels: schema.labels) {
            let label = block.labels.first ?? ""
            if object[label] != nil {
                reader.context.report(
                    "Duplicate block", "A \"\(name)\" block named \"\(label)\" is already there.", at: block.range)
            }
            object[label] = .object(schema.read(block))
        }
        return object.isEmpty ? nil : .object(object)
    }
}

extension BodyReader {
    fileprivate func share(_ name: String) -> Double? {
        guard let share = double(name) else { return nil }
        if share > 0, share <= 1 { return share }
        context.report(
            "Value out of range", "\"\(name)\" must be above 0 and at most 1, but is \(share).",
            at: attribute(name)?.expression.range)
        return nil
    }

    fileprivate func ints(_ name: String) -> JSON? {
        guard let (value, range) = value(name) else { return nil }
        if case .list(let items) = value {
            let ints = items.compactMap { $0.asNumber?.int }
            if ints.count == items.count { return .array(ints.map { .integer($0) }) }
        }
        context.report("Incorrect value type", "\"\(name)\" must be a list of whole numbers.", at: range)
        return nil
    }

    fileprivate func listMap(_ name: String) -> JSON? {
        guard let members = freeForm(name) else { return nil }
        var object = JSONObject()
        for (key, value) in members.sortedByKey {
            guard case .list(let items) = value else {
                if let text = value.asString {
                    object.append(key, .array([.string(text)]))
                } else {
                    context.report("Incorrect value type", "\"\(name).\(key)\" must be a list of strings.", at: range)
                }
                continue
            }
            object.append(key, .array(items.compactMap(\.asString).map { .string($0) }))
        }
        return .object(object)
    }
}
