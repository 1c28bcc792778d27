/// A persistent ordered map for up to some 100,000 keys: sorted runs of at most 32 entries under one array.
///
/// Copying is a reference count; a change copies one run and, when another version is held, the array of runs. One thread writes.
struct SortedTable<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    private(set) var count = 0
    private var runs: [Run] = []
    /// The run changed last: an entry of the log asks for the same key again and again.
    private var recent = 0

    subscript(key: Key) -> Value? {
        get {
            guard let number = runNumber(key) else { return nil }
            let run = runs[number]
            let slot = run.lowerBound(key)
            return slot < run.keys.count && run.keys[slot] == key ? run.values[slot] : nil
        }
        set {
            if let newValue { insert(key, newValue) } else { remove(key) }
        }
    }

    /// Calls `body` for every entry with a key at or after `start`, in order, until it returns false.
    func scan(from start: Key? = nil, _ body: (Key, Value) throws -> Bool) rethrows {
        var slot = 0
        var number = 0
        if let start, let found = runNumber(start) {
            number = found
            slot = runs[number].lowerBound(start)
        }
        while number < runs.count {
            let run = runs[number]
            while slot < run.keys.count {
                guard try body(run.keys[slot], run.values[slot]) else { return }
                slot += 1
            }
            number += 1
            slot = 0
        }
    }

    /// The run that holds `key` if any does: the last one that starts at or before it.
    private func runNumber(_ key: Key) -> Int? {
        guard !runs.isEmpty else { return nil }
        if recent < runs.count, runs[recent].first <= key, recent + 1 == runs.count || key < runs[recent + 1].first {
            return recent
        }
        var low = 0
        var high = runs.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if runs[middle].first <= key { low = middle } else { high = middle }
        }
        return low
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        guard let number = runNumber(key) else {
            runs = [Run(first: key, keys: [key], values: [value])]
            count = 1
            return
        }
        recent = number
        let run = ownRun(number)
        let slot = run.lowerBound(key)
        if slot < run.keys.count, run.keys[slot] == key {
            run.values[slot] = value
            return
        }
        run.keys.insert(key, at: slot)
        run.values.insert(value, at: slot)
        if slot == 0 { run.first = key }
        count += 1
        guard run.keys.count > 32 else { return }
        let upper = Run(first: run.keys[16], keys: Array(run.keys[16...]), values: Array(run.values[16...]))
        runs.insert(upper, at: number + 1)
        run.keys.removeSubrange(16...)
        run.values.removeSubrange(16...)
    }

    private mutating func remove(_ key: Key) {
        guard let number = runNumber(key), runs[number].contains(key) else { return }
        let run = ownRun(number)
        let slot = run.lowerBound(key)
        run.keys.remove(at: slot)
        run.values.remove(at: slot)
        count -= 1
        if let first = run.keys.first { run.first = first } else { runs.remove(at: number) }
    }

    private mutating func ownRun(_ number: Int) -> Run {
        if !isKnownUniquelyReferenced(&runs[number]) {
            let shared = runs[number]
            runs[number] = Run(first: shared.first, keys: shared.keys, values: shared.values)
        }
        return runs[number]
    }

    /// Changed only while exactly one version refers to it.
    private final class Run: @unchecked Sendable {
        /// `keys[0]`, where a search finds it one step sooner.
        var first: Key
        var keys: [Key]
        var values: [Value]

        init(first: Key, keys: [Key], values: [Value]) {
            self.first = first
            self.keys = keys
            self.values = values
        }

        func lowerBound(_ key: Key) -> Int {
            var low = 0
            var high = keys.count
            while low < high {
                let middle = (low + high) / 2
                if keys[middle] < key { low = middle + 1 } else { high = middle }
            }
            return low
        }

        func contains(_ key: Key) -> Bool {
            let slot = lowerBound(key)
            return slot < keys.count && keys[slot] == key
        }
    }
}
