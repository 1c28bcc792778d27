package import Basics

extension StandardFunctions {
    static let encodings: FunctionTable = [
        "base64encode": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .string(Base64.encode(Array(try a.string(0).utf8)))
        },
        "base64decode": Function(1) { (a: inout Arguments) throws(FunctionError) in
            guard let bytes = Base64.decode(try a.string(0)) else { throw a.fault(0, "it is not base64") }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw a.fault(0, "the decoded bytes are not UTF-8 text")
            }
            return .string(text)
        },
        "csvdecode": Function(1) { (a: inout Arguments) throws(FunctionError) in try CSVText.decode(try a.string(0)) },
        "jsonencode": Function(1) { (a: inout Arguments) throws(FunctionError) in .string(JSONText.encode(a[0])) },
        "jsondecode": Function(1) { (a: inout Arguments) throws(FunctionError) in
            let text = try a.string(0)
            do throws(JSONError) {
                return Value(json: try JSONParser.parse(text))
            } catch {
                throw a.fault(0, error.description)
            }
        },
        "urlencode": Function(1) { (a: inout Arguments) throws(FunctionError) in
            var out: [UInt8] = []
            let hex = Array("0123456789ABCDEF".utf8)
            for byte in try a.string(0).utf8 {
                switch byte {
                case UInt8(ascii: " "): out.append(UInt8(ascii: "+"))
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: "~"):
                    out.append(byte)
                default: out += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
                }
            }
            return .string(String(decoding: out, as: UTF8.self))
        },
    ]
}

extension Value {
    /// The value that a JSON text stands for.
    package init(json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .integer(let int): self = .number(.int(int))
        case .number(let double): self = Number(double).map { .number($0) } ?? .null
        case .string(let text): self = .string(text)
        case .array(let items): self = .list(items.map { Value(json: $0) })
        case .object(let object):
            var members: [String: Value] = [:]
            for (key, value) in object.members { members[key] = Value(json: value) }
            self = .object(members)
        }
    }

    /// The value as JSON; members in the order of their keys.
    package var json: JSON {
        switch self {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .number(.int(let int)): .integer(int)
        case .number(.double(let double)): .number(double)
        case .string(let text): .string(text)
        case .list(let items): .array(items.map(\.json))
        case .object(let members): .object(members.sortedByKey.map { ($0.key, $0.value.json) })
        }
    }
}

enum JSONText {
    static func encode(_ value: Value) -> String { value.json.text }
}

/// Comma-separated values with a header line (RFC 4180): a list of objects.
private enum CSVText {
    static func decode(_ text: String) throws(FunctionError) -> Value {
        var rows = try rows(of: text)
        guard let header = rows.first else { throw FunctionError("The CSV text has no header line.") }
        rows.removeFirst()
        guard Set(header).count == header.count else { throw FunctionError("Two CSV columns have the same name.") }
        var results: [Value] = []
        for (index, row) in rows.enumerated() {
            guard row.count == header.count else {
                throw FunctionError("CSV record \(index + 1) has \(row.count) fields, not \(header.count).")
            }
            results.append(.object([String: Value](uniqueKeysWithValues: zip(header, row.map { .string($0) }))))
        }
        return .list(results)
    }

    private static func rows(of text: String) throws(FunctionError) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var field = ""
        var quoted = false
        var wasQuoted = false
        var characters = text.makeIterator()
        var pending = characters.next()
        while let character = pending {
            pending = characters.next()
            if quoted {
                if character != "\"" {
                    field.append(character)
                } else if pending == "\"" {
                    field.append("\"")
                    pending = characters.next()
                } else {
                    quoted = false
                }
                continue
            }
            switch character {
            case "\"" where field.isEmpty && !wasQuoted:
                quoted = true
                wasQuoted = true
            case ",", "\n", "\r\n":
                row.append(field)
                field = ""
                wasQuoted = false
                if character != "," {
                    if row != [""] { rows.append(row) }
                    row = []
                }
            case "\"": throw FunctionError("A quote stands in the middle of a CSV field.")
            default: field.append(character)
            }
        }
        guard !quoted else { throw FunctionError("A quoted CSV field is not closed.") }
        if !field.isEmpty || wasQuoted || !row.isEmpty { rows.append(row + [field]) }
        return rows
    }
}
