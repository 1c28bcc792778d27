/// Why a function could not give a result.
package struct FunctionError: Error, Sendable {
    package let message: String

    package init(_ message: String) { self.message = message }
}

/// A function that expressions may call. It must not touch anything outside its arguments unless the caller who put
/// it into the table means it to (files in the command line, for example).
package struct Function: Sendable {
    package typealias Implementation = @Sendable (inout Arguments) throws(FunctionError) -> Value

    /// How many arguments it takes.
    package let argumentCounts: ClosedRange<Int>
    package let implementation: Implementation

    package init(_ argumentCounts: ClosedRange<Int>, _ implementation: @escaping Implementation) {
        self.argumentCounts = argumentCounts
        self.implementation = implementation
    }

    /// A function of exactly `count` arguments.
    package init(_ count: Int, _ implementation: @escaping Implementation) {
        self.init(count...count, implementation)
    }

    /// A function that only explains why it cannot be called here.
    package static func refused(_ reason: String) -> Function {
        Function(0...Arguments.countMax) { (_: inout Arguments) throws(FunctionError) in throw FunctionError(reason) }
    }
}

/// The functions in scope, by name.
package typealias FunctionTable = [String: Function]

/// The arguments of a call, with conversions that name the argument when they fail, and the budget to draw on.
package struct Arguments {
    /// Most arguments of a call, an expanded list included.
    package static let countMax = 10_000

    package let values: [Value]
    package var budget: EvaluationBudget

    package init(values: [Value], budget: EvaluationBudget) {
        self.values = values
        self.budget = budget
    }

    package var count: Int { values.count }

    package subscript(index: Int) -> Value { values[index] }

    package func string(_ index: Int) throws(FunctionError) -> String {
        guard let text = values[index].asString else { throw mismatch(index, "a string") }
        return text
    }

    package func number(_ index: Int) throws(FunctionError) -> Number {
        guard let number = values[index].asNumber else { throw mismatch(index, "a number") }
        return number
    }

    package func double(_ index: Int) throws(FunctionError) -> Double { try number(index).double }

    package func int(_ index: Int) throws(FunctionError) -> Int {
        guard let int = values[index].asNumber?.int else { throw mismatch(index, "a whole number") }
        return Int(int)
    }

    package func bool(_ index: Int) throws(FunctionError) -> Bool {
        guard let flag = values[index].asBool else { throw mismatch(index, "a bool") }
        return flag
    }

    package func list(_ index: Int) throws(FunctionError) -> [Value] {
        guard case .list(let items) = values[index] else { throw mismatch(index, "a list") }
        return items
    }

    package func strings(_ index: Int) throws(FunctionError) -> [String] {
        var strings: [String] = []
        for item in try list(index) {
            guard let text = item.asString else { throw mismatch(index, "a list of strings") }
            strings.append(text)
        }
        return strings
    }

    package func object(_ index: Int) throws(FunctionError) -> [String: Value] {
        guard case .object(let members) = values[index] else { throw mismatch(index, "a map or object") }
        return members
    }

    package func mismatch(_ index: Int, _ wanted: String) -> FunctionError {
        FunctionError("Argument \(index + 1) must be \(wanted), but is \(values[index].typeName).")
    }

    package func fault(_ index: Int, _ message: String) -> FunctionError {
        FunctionError("Argument \(index + 1) is invalid: \(message).")
    }
}

extension FunctionTable {
    /// Every function that needs nothing but its arguments. Functions that need files, a clock, randomness or
    /// cryptography are present too, but explain that the caller has not provided them; replace them by merging.
    package static let standard: FunctionTable = StandardFunctions.table
}

/// The functions of this module, a file for each kind.
enum StandardFunctions {
    static let table: FunctionTable = {
        var table = FunctionTable()
        for part in [strings, formatting, numbers, collections, sets, encodings, hashes, networks, times, injected] {
            table.merge(part) { _, new in new }
        }
        return table
    }()

    /// Functions that only a caller can provide, because a pure evaluator has neither disk nor clock nor keys.
    private static let injected: FunctionTable = {
        var table = FunctionTable()
        for name in ["abspath", "basename", "dirname", "file", "filebase64", "fileexists", "fileset", "pathexpand"] {
            table[name] = .refused(
                "It reads local files, which is only possible where the command line parses the file.")
        }
        for name in ["bcrypt", "rsadecrypt", "uuidv4"] {
            table[name] = .refused(
                "Its result would differ each time or need a key; give the value as a variable instead.")
        }
        for name in ["regex_replace"] { table[name] = .refused("Regular expressions are not available here.") }
        for name in ["yamldecode", "yamlencode"] { table[name] = .refused("YAML is not available here.") }
        return table
    }()
}
