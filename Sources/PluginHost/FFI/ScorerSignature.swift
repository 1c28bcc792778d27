/// The line with which a typed scorer names its parameters: `f64 cpu_after, i64 same_job -> f64` (scorer.h).
package struct ScorerSignature: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case f64, i64
    }

    package struct Parameter: Equatable, Sendable {
        package let name: String
        package let kind: Kind
    }

    package let parameters: [Parameter]
    /// Called once for all rows, with column pointers, rather than once a row.
    package let isBatched: Bool

    package static let parametersMax = 16

    /// Every column a scorer may ask for, with its type.
    package static let columns: [String: Kind] = {
        var columns: [String: Kind] = [
            "cores_free": .i64, "binpack": .f64, "affinity": .f64, "spread": .f64, "random": .f64, "same_job": .i64,
            "penalty": .i64, "prior": .i64, "class": .i64, "datacenter": .i64, "pool": .i64,
        ]
        for resource in ["cpu", "memory", "disk", "network"] {
            for suffix in ["after", "before", "free", "ask", "capacity"] { columns["\(resource)_\(suffix)"] = .f64 }
        }
        return columns
    }()

    /// - Throws: ``PluginError/Code/invalid`` naming the word, with what is allowed.
    package init(_ line: String) throws(PluginError) {
        func wrong(_ what: String) -> PluginError { PluginError(.invalid, "scorer line \"\(line)\": \(what)") }
        let sides = line.split(separator: "->", omittingEmptySubsequences: false)
        guard sides.count == 2 else { throw wrong("write \"parameters -> result\"") }
        var words = sides[0].split(separator: ",").map { $0.split(separator: " ").map(String.init) }
        let result = sides[1].split(separator: " ").joined(separator: " ")
        isBatched = result == "void"
        if isBatched {
            guard words.count >= 3, words[0] == ["u64", "count"], words.last == ["f64*", "result"] else {
                throw wrong("a batched scorer begins with \"u64 count\" and ends with \"f64* result -> void\"")
            }
            words.removeFirst()
            words.removeLast()
        } else if result != "f64" {
            throw wrong("the result is f64, or void for a batched scorer, not \"\(result)\"")
        }
        guard (1...ScorerSignature.parametersMax).contains(words.count) else {
            throw wrong("\(words.count) parameters; 1 to \(ScorerSignature.parametersMax) are allowed")
        }
        var parameters: [Parameter] = []
        for pair in words {
            guard pair.count == 2 else { throw wrong("write each parameter as \"type name\"") }
            guard let kind = ScorerSignature.columns[pair[1]] else {
                let allowed = ScorerSignature.columns.keys.sorted().joined(separator: " ")
                throw wrong("unknown parameter \"\(pair[1])\"; allowed: \(allowed)")
            }
            let wanted = kind.rawValue + (isBatched ? "*" : "")
            guard pair[0] == wanted else { throw wrong("\"\(pair[1])\" has type \(wanted), not \"\(pair[0])\"") }
            parameters.append(Parameter(name: pair[1], kind: kind))
        }
        self.parameters = parameters
    }
}
