internal import Basics

/// The bytes of a simulated file, and the changes that no sync has made safe.
struct SimulatedFileContent {
    /// Bytes that reach a disk together or not at all.
    static let sectorBytes = 512

    private enum Change {
        case write(offset: Int, old: [UInt8], new: [UInt8])
        /// To a new size; `lost` was cut off by it.
        case resize(from: Int, to: Int, lost: [UInt8])
    }

    private(set) var bytes: [UInt8] = []
    private var unsafeChanges: [Change] = []

    /// Writes within the file; beyond its end the file grows first.
    mutating func write(_ new: [UInt8], at offset: Int) {
        let end = offset + new.count
        if end > bytes.count { resize(to: end) }
        unsafeChanges.append(.write(offset: offset, old: Array(bytes[offset..<end]), new: new))
        bytes.replaceSubrange(offset..<end, with: new)
    }

    mutating func resize(to size: Int) {
        let lost = size < bytes.count ? Array(bytes[size...]) : []
        unsafeChanges.append(.resize(from: bytes.count, to: size, lost: lost))
        setSize(size)
    }

    mutating func makeSafe() { unsafeChanges = [] }

    /// Keeps of the unsafe changes what a power cut may leave: none, all, some and a torn one, or scattered sectors.
    mutating func losePower(_ random: some RandomSource) {
        guard !unsafeChanges.isEmpty else { return }
        let changes = unsafeChanges
        unsafeChanges = []
        switch random.next() % 4 {
        case 0: takeBack(changes)
        case 1: break
        case 2:
            takeBack(changes)
            let whole = Int(random.next() % UInt64(changes.count))
            for change in changes[..<whole] { redo(change) { _ in true } }
            let torn = random.next()
            redo(changes[whole]) { $0 < torn % 8 }
        default:
            takeBack(changes)
            let sectors = random
            for change in changes { redo(change) { _ in sectors.next() % 2 == 0 } }
        }
    }

    private mutating func takeBack(_ changes: [Change]) {
        for change in changes.reversed() {
            switch change {
            case .write(let offset, let old, _): bytes.replaceSubrange(offset..<offset + old.count, with: old)
            case .resize(let before, _, let lost):
                setSize(before)
                bytes.replaceSubrange(before - lost.count..<before, with: lost)
            }
        }
    }

    /// Makes a change again, of a write those sectors for which `isKept` answers true, asked with their number.
    private mutating func redo(_ change: Change, _ isKept: (UInt64) -> Bool) {
        switch change {
        case .resize(_, let size, _): setSize(size)
        case .write(let offset, _, let new):
            if offset + new.count > bytes.count { setSize(offset + new.count) }
            var start = offset
            var number: UInt64 = 0
            while start < offset + new.count {
                let end = min(offset + new.count, (start / Self.sectorBytes + 1) * Self.sectorBytes)
                if isKept(number) {
                    bytes.replaceSubrange(start..<end, with: new[start - offset..<end - offset])
                }
                start = end
                number += 1
            }
        }
    }

    private mutating func setSize(_ size: Int) {
        if bytes.count > size {
            bytes.removeLast(bytes.count - size)
        } else if bytes.count < size {
            bytes += [UInt8](repeating: 0, count: size - bytes.count)
        }
    }
}
