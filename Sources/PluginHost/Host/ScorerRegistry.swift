internal import Basics
internal import Synchronization

/// The typed scorers that are installed, wherever they run: what `drover.scorers/1` offers to schedulers.
final class ScorerRegistry: Sendable {
    private struct Scorer {
        /// As drover.scorers/1 `list` has it, with the full name.
        var description: JSON
        var run: @Sendable (Block) -> Answer
    }

    private let scorers = Mutex<[String: Scorer]>([:])

    /// Replaces the scorers of `library` by those of `descriptions`, each an item of drover.scorers/1 `list` with its full name.
    func update(library: String, descriptions: [JSON], run: @escaping @Sendable (String, Block) -> Answer) {
        scorers.withLock { table in
            table = table.filter { !$0.key.hasPrefix(library + "/") }
            for description in descriptions {
                guard let name = description["name"]?.string, name.hasPrefix(library + "/") else { continue }
                table[name] = Scorer(description: description) { run(name, $0) }
            }
        }
    }

    /// A scorer goes by its short name where that is unique.
    func list() -> JSON {
        let table = scorers.withLock { $0 }
        return .array(
            table.sorted { $0.key < $1.key }.map { name, scorer in
                guard var object = scorer.description.object, let short = short(name, in: table) else {
                    return scorer.description
                }
                object["name"] = .string(short)
                return .object(object)
            })
    }

    /// `name` is full, or short where that is unique.
    func score(_ name: String, columns: Block) -> Answer {
        let table = scorers.withLock { $0 }
        let scorer = table[name] ?? table.first { short($0.key, in: table) == name }?.value
        guard let scorer else {
            return Answer(PluginError(.notFound, "no scorer \"\(name)\"; there are: \(table.keys.sorted())"))
        }
        return scorer.run(columns)
    }

    private func short(_ full: String, in table: [String: Scorer]) -> String? {
        guard let slash = full.lastIndex(of: "/") else { return full }
        let short = full[full.index(after: slash)...]
        return table.keys.count { $0.hasSuffix("/" + short) } == 1 ? String(short) : nil
    }
}
