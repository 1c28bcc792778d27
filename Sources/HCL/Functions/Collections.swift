extension StandardFunctions {
    static let collections: FunctionTable = lists.merging(maps) { _, new in new }

    private static let lists: FunctionTable = [
        "chunklist": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (items, size) = (try a.list(0), try a.nonNegative(1))
            guard size > 0 else { return .list(items.isEmpty ? [] : [.list(items)]) }
            return .list(stride(from: 0, to: items.count, by: size).map { .list(Array(items[$0...].prefix(size))) })
        },
        "coalesce": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            guard let first = a.values.first(where: { $0 != .null && $0 != .string("") }) else {
                throw FunctionError("All arguments are null or empty.")
            }
            return first
        },
        "coalescelist": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            for value in a.values {
                if case .list(let items) = value, !items.isEmpty { return value }
                if case .object(let members) = value, !members.isEmpty { return value }
            }
            throw FunctionError("All lists are empty.")
        },
        "compact": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .list(try a.list(0).filter { $0 != .null && $0 != .string("") })
        },
        "concat": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            var items: [Value] = []
            for index in 0..<a.count { items += try a.list(index) }
            return .list(items)
        },
        "contains": Function(2) { (a: inout Arguments) throws(FunctionError) in .bool(try a.list(0).contains(a[1])) },
        "distinct": Function(1) { (a: inout Arguments) throws(FunctionError) in
            var seen = Set<Value>()
            return .list(try a.list(0).filter { seen.insert($0).inserted })
        },
        "element": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (items, index) = (try a.list(0), try a.int(1))
            guard !items.isEmpty else { throw a.fault(0, "the list is empty") }
            guard index >= 0 else { throw a.fault(1, "the index must not be negative") }
            return items[index % items.count]
        },
        "flatten": Function(1) { (a: inout Arguments) throws(FunctionError) in
            func flat(_ items: [Value]) -> [Value] {
                items.flatMap { if case .list(let inner) = $0 { flat(inner) } else { [$0] } }
            }
            return .list(flat(try a.list(0)))
        },
        "index": Function(2) { (a: inout Arguments) throws(FunctionError) in
            guard let position = try a.list(0).firstIndex(of: a[1]) else {
                throw FunctionError("The item is not in the list.")
            }
            return .int(position)
        },
        "length": Function(1) { (a: inout Arguments) throws(FunctionError) in
            switch a[0] {
            case .list(let items): return .int(items.count)
            case .object(let members): return .int(members.count)
            case .string(let text): return .int(text.count)
            default: throw a.mismatch(0, "a list, a map or a string")
            }
        },
        "range": Function(1...3) { (a: inout Arguments) throws(FunctionError) in try range(&a) },
        "reverse": Function(1) { (a: inout Arguments) throws(FunctionError) in .list(try a.list(0).reversed()) },
        "slice": Function(3) { (a: inout Arguments) throws(FunctionError) in
            let (items, start, end) = (try a.list(0), try a.int(1), try a.int(2))
            guard start >= 0, start <= end, end <= items.count else {
                throw FunctionError("The bounds \(start) and \(end) do not fit a list of \(items.count) elements.")
            }
            return .list(Array(items[start..<end]))
        },
        "sort": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .list(try a.strings(0).sorted(by: Value.precedes).map { .string($0) })
        },
    ]

    private static let maps: FunctionTable = [
        "keys": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .list(try a.object(0).sortedByKey.map { .string($0.key) })
        },
        "lookup": Function(2...3) { (a: inout Arguments) throws(FunctionError) in
            let (members, key) = (try a.object(0), try a.string(1))
            if let value = members[key] { return value }
            guard a.count == 3 else { throw FunctionError("The map has no key \"\(key)\" and no default is given.") }
            return a[2]
        },
        "merge": Function(0...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            var members: [String: Value] = [:]
            for index in 0..<a.count where a[index] != .null {
                members.merge(try a.object(index)) { _, new in new }
            }
            return .object(members)
        },
        "values": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .list(try a.object(0).sortedByKey.map(\.value))
        },
        "zipmap": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (keys, items) = (try a.strings(0), try a.list(1))
            guard keys.count == items.count else {
                throw FunctionError("There are \(keys.count) keys but \(items.count) values.")
            }
            return .object([String: Value](zip(keys, items)) { _, new in new })
        },
    ]

    private static func range(_ a: inout Arguments) throws(FunctionError) -> Value {
        let start = a.count == 1 ? 0 : try a.double(0)
        let end = try a.double(a.count == 1 ? 0 : 1)
        let step = a.count == 3 ? try a.double(2) : end < start ? -1 : 1
        guard step != 0, (end - start) * step >= 0 else { throw FunctionError("The step does not lead to the end.") }
        let count = ((end - start) / step).rounded(.up)
        guard count <= 1024 * 1024 else { throw FunctionError("The range has more than 1048576 elements.") }
        try a.budget.charge(product: 16, Int(count))
        return .list((0..<Int(count)).compactMap { Number(start + Double($0) * step).map { .number($0) } })
    }

    static let sets: FunctionTable = [
        "setintersection": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            var result = Set(try a.list(0))
            for index in 1..<Swift.max(1, a.count) { result.formIntersection(try a.list(index)) }
            return Value.set(result)
        },
        "setunion": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            var result = Set(try a.list(0))
            for index in 1..<Swift.max(1, a.count) { result.formUnion(try a.list(index)) }
            return Value.set(result)
        },
        "setproduct": Function(2...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            var rows: [[Value]] = [[]]
            for index in 0..<a.count {
                let items = try a.list(index)
                try a.budget.charge(product: rows.count, items.count)
                try a.budget.charge(product: 16 * (index + 1), rows.count * items.count)
                rows = rows.flatMap { row in items.map { row + [$0] } }
            }
            return .list(rows.map { .list($0) })
        },
    ]
}
