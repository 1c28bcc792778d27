/// A persistent ordered map for up to some 100,000 keys: sorted runs of at most 64 entries under one array.
///
/// Copying is a reference count; a change copies one run and, when another version is held, the array of runs. One thread writes.
struct SortedTable<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    private(set) var count = 0
    private var runs: [Run] = []

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
        var low = 0
        var high = runs.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if runs[middle].keys[0] <= key { low = middle } else { high = middle }
        }
        return low
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        guard let number = runNumber(key) else {
            runs = [Run(keys: [key], values: [value])]
            count = 1
            return
        }
        let run = ownRun(number)
        let slot = run.lowerBound(key)
        if slot < run.keys.count, run.keys[slot] == key {
            run.values[slot] = value
            return
        }
        run.keys.insert(key, at: slot)
        run.values.insert(value, at: slot)
        count += 1
        guard run.keys.count > 64 else { return }
        runs.insert(Run(keys: Array(run.keys[32...]), values: Array(run.values[32...])), at: number + 1)
        run.keys.removeSubrange(32...)
        run.values.removeSubrange(32...)
    }

    private mutating func remove(_ key: Key) {
        guard let number = runNumber(key), runs[number].contains(key) else { return }
        let run = ownRun(number)
        let slot = run.lowerBound(key)
        run.keys.remove(at: slot)
        run.values.remove(at: slot)
        count -= 1
        if run.keys.isEmpty { runs.remove(at: number) }
    }

    private mutating func ownRun(_ number: Int) -> Run {
        if !isKnownUniquelyReferenced(&runs[number]) {
            runs[number] = Run(keys: runs[number].keys, values: runs[number].values)
        }
        return runs[number]
    }

    /// Changed only while exactly one version refers to it.
    private final class Run: @unchecked Sendable {
        var keys: [Key]
        var values: [Value]

        init(keys: [Key], values: [Value]) {
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
