import Basics

extension Schema {
    /// One pass over a configuration.
    struct Check {
        /// Variables of the node have their values; until then `${...}` stands for a value of any type.
        let isInterpolated: Bool

        func block(_ value: JSON, _ schema: JSONObject) throws(Fault) -> JSON {
            guard let given = value.object else { throw expected("an object", value) }
            if let unknown = given.members.first(where: { schema[$0.key] == nil && !isOpen($0.key) }) {
                throw Fault(reason: .unknownKey(unknown.key, allowed: schema.keys))
            }
            var result = JSONObject()
            for (key, rule) in schema.members {
                do throws(Fault) {
                    if let value = given[key], !value.isNull {
                        result.append(key, try check(value, rule))
                        continue
                    } else if let standard = rule["default"], !standard.isNull {
                        result.append(key, try check(standard, rule))
                        continue
                    }
                } catch {
                    throw error.inside(key)
                }
                if rule["required"]?.bool == true, !given.members.contains(where: { isOpen($0.key) }) {
                    throw Fault(reason: .missingKey(key, allowed: schema.keys))
                }
            }
            return .object(result)
        }

        private func check(_ value: JSON, _ rule: JSON) throws(Fault) -> JSON {
            let type = rule["type"]?.string ?? "any"
            if let text = value.string, isOpen(text), Check.scalars.contains(type) { return value }
            switch type {
            case "string":
                guard value.string != nil else { throw expected("a string", value) }
            case "bool":
                if let text = value.string, text == "true" || text == "false" { return .bool(text == "true") }
                guard value.bool != nil else { throw expected("true or false", value) }
            case "int":
                let number = value.integer ?? value.string.flatMap { Int64($0) }
                guard let number else { throw expected("a whole number", value) }
                return try inRange(.integer(number), rule)
            case "float":
                guard value.double != nil else { throw expected("a number", value) }
                return try inRange(value, rule)
            case "duration":
                return try inRange(duration(value), rule)
            case "list(string)":
                guard let items = value.array, items.allSatisfy({ $0.string != nil }) else {
                    throw expected("a list of strings", value)
                }
            case "map(string)":
                return try map(value)
            case "block":
                return try block(single(value), rule["keys"]?.object ?? JSONObject())
            case "list(block)":
                return try blocks(value, rule["keys"]?.object ?? JSONObject())
            default: break
            }
            if let allowed = rule["values"]?.array, !allowed.contains(value) {
                let list = allowed.map(\.text).joined(separator: ", ")
                throw wrong("\(value.text) is not allowed; use one of \(list)")
            }
            return value
        }

        private static let scalars = ["string", "bool", "int", "float", "duration"]

        private func isOpen(_ text: String) -> Bool { !isInterpolated && text.utf8.contains(pair: "${") }

        private func inRange(_ value: JSON, _ rule: JSON) throws(Fault) -> JSON {
            let number = value.double ?? 0
            if let low = rule["min"]?.double, number < low { throw wrong("\(value.text) is below \(low)") }
            if let high = rule["max"]?.double, number > high { throw wrong("\(value.text) is above \(high)") }
            return value
        }

        private func duration(_ value: JSON) throws(Fault) -> JSON {
            if let text = value.string, let duration = Duration(goText: text) {
                return .integer(duration.nanosecondCount)
            }
            guard let number = value.integer else { throw expected("a duration such as \"30s\"", value) }
            return .integer(number)
        }

        /// HCL writes a map attribute as one object, or as a list of blocks, which are merged. Numbers and truth values become
        /// their text, as in HCL: `port_map { http = 80 }`.
        private func map(_ value: JSON) throws(Fault) -> JSON {
            var merged = JSONObject()
            for part in value.array ?? [value] {
                guard let object = part.object else { throw expected("a map of strings", value) }
                for member in object.members {
                    let isScalar = member.value.double != nil || member.value.bool != nil
                    guard let text = member.value.string ?? (isScalar ? member.value.text : nil) else {
                        throw expected("a map of strings", value)
                    }
                    merged[member.key] = .string(text)
                }
            }
            return .object(merged)
        }

        /// A block may arrive as a list with one element, as HCL's JSON form writes it.
        private func single(_ value: JSON) throws(Fault) -> JSON {
            guard let items = value.array else { return value }
            guard items.count == 1 else { throw wrong("at most one block is allowed, got \(items.count)") }
            return items[0]
        }

        private func blocks(_ value: JSON, _ keys: JSONObject) throws(Fault) -> JSON {
            var result: [JSON] = []
            for (index, item) in (value.array ?? [value]).enumerated() {
                do throws(Fault) {
                    result.append(try block(item, keys))
                } catch {
                    throw error.inside("[\(index)]")
                }
            }
            return .array(result)
        }

        private func expected(_ what: String, _ value: JSON) -> Fault {
            wrong("expected \(what), got \(value.kindName)")
        }

        private func wrong(_ reason: String) -> Fault { Fault(reason: .value(reason)) }
    }
}

extension String.UTF8View {
    fileprivate func contains(pair: StaticString) -> Bool {
        var previous: UInt8 = 0
        for byte in self {
            if previous == pair.utf8Start[0], byte == pair.utf8Start[1] { return true }
            previous = byte
        }
        return false
    }
}
