internal import Basics
internal import CDroverABI
internal import CFFI

/// A scoring function of a loaded library, bound to columns by its signature line.
struct TypedScorer: @unchecked Sendable {
    /// `library/scorer`.
    let name: String
    let signature: ScorerSignature
    private let shape: FunctionShape
    private let function: @convention(c) () -> Void

    static let scorersMax = 64

    /// The scorers in a `drover_scorer` table; throws naming the scorer and what is wrong with it.
    static func all(in table: UnsafeRawPointer, library: String) throws(PluginError) -> [TypedScorer] {
        let head = table.load(as: drover_scorer.self)
        guard head.size >= UInt32(MemoryLayout<drover_scorer>.size), let entries = head.scorers else {
            throw PluginError(.abi, "interface \(DROVER_SCORER_1): field size is \(head.size) or scorers is null")
        }
        guard (1...scorersMax).contains(Int(head.count)) else {
            throw PluginError(
                .limit, "interface \(DROVER_SCORER_1): count is \(head.count); 1 to \(scorersMax) are allowed")
        }
        let stride = Int(entries.pointee.size)
        guard stride >= MemoryLayout<drover_scorer_entry>.size else {
            throw PluginError(.abi, "scorer 0 of \(library): field size is \(stride)")
        }
        var scorers: [TypedScorer] = []
        for index in 0..<Int(head.count) {
            let entry = UnsafeRawPointer(entries).load(fromByteOffset: index * stride, as: drover_scorer_entry.self)
            guard let name = entry.name, let line = entry.signature, let function = entry.function else {
                throw PluginError(.abi, "scorer \(index) of \(library): name, signature or function is null")
            }
            let full = "\(library)/\(String(cString: name))"
            guard !scorers.contains(where: { $0.name == full }) else {
                throw PluginError(.invalid, "\(full) is there twice; scorer names are unique in a library")
            }
            scorers.append(try TypedScorer(name: full, line: String(cString: line), function: function))
        }
        return scorers
    }

    private init(name: String, line: String, function: @escaping drover_function) throws(PluginError) {
        self.name = name
        do { signature = try ScorerSignature(line) } catch { throw error.during(name) }
        self.function = function
        let columns = signature.parameters.map { $0.kind == .f64 ? cffi_f64() : cffi_i64() }
        let pointers = signature.parameters.map { _ in cffi_pointer() }
        shape =
            signature.isBatched
            ? try FunctionShape(
                parameters: [cffi_u64()] + pointers + [cffi_pointer()], result: cffi_void(), name: name)
            : try FunctionShape(parameters: columns, result: cffi_f64(), name: name)
    }

    /// Runs the scorer over the rows of `columns`, a `drover_score_columns`.
    /// - Returns: one double a row, unclipped, as bytes.
    func score(_ columns: Block) throws(PluginError) -> [UInt8] {
        let (rows, bases) = try check(columns)
        guard rows > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: rows * 8) { buffer, count in
            count = rows * 8
            guard let result = buffer.baseAddress.map({ UnsafeMutableRawPointer($0) }) else { return }
            if signature.isBatched { batch(rows, bases, result) } else { each(rows, bases, result) }
        }
    }

    /// libffi takes a list of pointers to values: a column's rows are its own values, so only the list moves on.
    private func each(_ rows: Int, _ bases: [UnsafeMutableRawPointer], _ result: UnsafeMutableRawPointer) {
        withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: bases.count) { list in
            for row in 0..<rows {
                for index in bases.indices { list[index] = bases[index] + 8 * row }
                ffi_call(shape.cif, function, result + 8 * row, list.baseAddress)
            }
        }
    }

    private func batch(_ rows: Int, _ bases: [UnsafeMutableRawPointer], _ result: UnsafeMutableRawPointer) {
        var count = UInt64(rows)
        var pointers: [UnsafeMutableRawPointer] = bases + [result]
        withUnsafeMutablePointer(to: &count) { count in
            pointers.withUnsafeMutableBufferPointer { pointers in
                var list: [UnsafeMutableRawPointer?] = [UnsafeMutableRawPointer(count)]
                for index in pointers.indices {
                    list.append(pointers.baseAddress.map { UnsafeMutableRawPointer($0 + index) })
                }
                list.withUnsafeMutableBufferPointer { ffi_call(shape.cif, function, nil, $0.baseAddress) }
            }
        }
    }

    private func check(_ block: Block) throws(PluginError) -> (rows: Int, bases: [UnsafeMutableRawPointer]) {
        guard block.length >= MemoryLayout<drover_score_columns>.size else {
            throw PluginError(.invalid, "the columns' block has only \(block.length) bytes")
        }
        var head = block.base.load(as: drover_score_columns.self)
        let count = signature.parameters.count
        guard head.column_count == UInt32(count) else {
            throw PluginError(.invalid, "\(name) takes \(count) columns, got \(head.column_count)")
        }
        let rows = Int(head.row_count)
        let offsets = withUnsafeBytes(of: &head.columns) { Array($0.bindMemory(to: UInt64.self)) }
        var bases: [UnsafeMutableRawPointer] = []
        for offset in offsets.prefix(count) {
            guard offset % 8 == 0, offset <= UInt64(block.length), UInt64(rows * 8) <= UInt64(block.length) - offset
            else {
                throw PluginError(
                    .invalid, "a column at \(offset) with \(rows) rows leaves the block of \(block.length) bytes")
            }
            bases.append(UnsafeMutableRawPointer(mutating: block.base + Int(offset)))
        }
        return (rows, bases)
    }
}

extension TypedScorer {
    /// What drover.scorers/1 `list` tells of this scorer under `name`.
    func description(as name: String) -> JSON {
        .object([
            ("name", .string(name)), ("batched", .bool(signature.isBatched)),
            (
                "parameters",
                .array(
                    signature.parameters.map { parameter in
                        .object([("name", .string(parameter.name)), ("type", .string(parameter.kind.rawValue))])
                    })
            ),
        ])
    }
}
