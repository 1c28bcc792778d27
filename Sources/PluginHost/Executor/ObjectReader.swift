internal import Basics

/// Reads one object of a launch specification; every error names the key.
struct ObjectReader {
    private let value: JSON?
    private let path: String

    init(_ value: JSON?, _ path: String) {
        self.value = value.flatMap { $0.isNull ? nil : $0 }
        self.path = path
    }

    var isPresent: Bool { value != nil }

    func only(_ keys: [String]) throws(ExecutorError) {
        guard let value else { return }
        try ObjectReader.only(keys, in: value, at: path)
    }

    static func only(_ keys: [String], in value: JSON, at path: String) throws(ExecutorError) {
        guard let object = value.object else { throw .invalid("\(path): wants an object, got \(value.kindName)") }
        for key in object.keys where !keys.contains(key) {
            let place = path.isEmpty ? "launch specification" : path
            throw .invalid("\(place): unknown key \"\(key)\"; allowed: \(keys.joined(separator: ", "))")
        }
    }

    static func text(_ value: JSON?, _ name: String) throws(ExecutorError) -> String? {
        guard let value, !value.isNull else { return nil }
        guard let text = value.string else { throw .invalid("\(name): wants a text, got \(value.kindName)") }
        return text
    }

    func text(_ key: String) throws(ExecutorError) -> String? { try ObjectReader.text(value?[key], "\(path).\(key)") }

    func flag(_ key: String) throws(ExecutorError) -> Bool? {
        guard let member = value?[key], !member.isNull else { return nil }
        guard let flag = member.bool else { throw .invalid("\(path).\(key): wants true or false") }
        return flag
    }

    func integer(_ key: String, in range: ClosedRange<Int64>) throws(ExecutorError) -> Int64? {
        guard let member = value?[key], !member.isNull else { return nil }
        guard let number = member.integer, range.contains(number) else {
            throw .invalid("\(path).\(key): wants a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func integers(_ key: String) throws(ExecutorError) -> [Int]? {
        guard let member = value?[key], !member.isNull else { return nil }
        guard let items = member.array else { throw .invalid("\(path).\(key): wants an array of numbers") }
        var numbers: [Int] = []
        for item in items {
            guard let number = item.integer, (0...65_535).contains(number) else {
                throw .invalid("\(path).\(key): wants numbers from 0 to 65,535")
            }
            numbers.append(Int(number))
        }
        return numbers
    }

    func textArray(_ key: String) throws(ExecutorError) -> [String]? {
        guard let member = value?[key], !member.isNull else { return nil }
        return try ObjectReader(member, "\(path).\(key)").textArray()
    }

    func textArray() throws(ExecutorError) -> [String] {
        guard let items = value?.array else { throw .invalid("\(path): wants an array of texts") }
        var texts: [String] = []
        for item in items {
            guard let text = item.string else { throw .invalid("\(path): wants texts, got \(item.kindName)") }
            texts.append(text)
        }
        return texts
    }

    /// The members of an object of texts, in their order; none when absent.
    func texts() throws(ExecutorError) -> [(String, String)] {
        guard let value else { return [] }
        guard let object = value.object else { throw .invalid("\(path): wants an object of texts") }
        var texts: [(String, String)] = []
        for member in object.members {
            guard let text = member.value.string, !member.key.isEmpty, !member.key.contains("=") else {
                throw .invalid("\(path): \"\(member.key)\" must be a name without \"=\" with a text")
            }
            texts.append((member.key, text))
        }
        return texts
    }

    func objects(_ key: String) throws(ExecutorError) -> [ObjectReader] {
        guard let member = value?[key], !member.isNull else { return [] }
        guard let items = member.array else { throw .invalid("\(path).\(key): wants an array of objects") }
        return items.map { ObjectReader($0, "\(path).\(key)") }
    }
}
