import Basics

@testable import Gossip

/// Many members in one process: a clock, a network that loses and delays, and members that pause, die and come back. One seed, one run.
struct SimulatedPool {
    private(set) var now = Uptime(nanoseconds: 0)
    private(set) var members: [Process] = []
    /// Share of packets lost.
    var loss = 0.0
    /// Whether nothing passes between two members; asked for every packet and for every stream.
    var isCut: (_ from: Int, _ to: Int) -> Bool = { _, _ in false }
    /// Whether packets, but not streams, to a member are lost.
    var isPacketDeaf: (Int) -> Bool = { _ in false }
    /// What happened, for comparing runs.
    private(set) var trace: [String] = []
    private var generator: SeededGenerator
    private var queue = Heap()
    private let settings: GossipSettings

    /// One member's process.
    struct Process {
        var node: GossipNode
        var isRunning = true
        /// Stopped by SIGSTOP until then: what arrives waits.
        var pausedUntil: Uptime?
        var events: [(at: Uptime, event: MemberEvent)] = []
        var notes: [GossipNote] = []
        var outcomes: [GossipEffect] = []
        /// Its keyring; the first key is in use.
        var keys: [[UInt8]] = [[UInt8](repeating: 0, count: 16)]
    }

    private enum Arrival {
        case event(GossipEvent)
        /// A stream's request, to be answered to the opener if this comes back in time.
        case request(StreamMessage, opener: Int, id: StreamID)
    }

    init(count: Int, seed: UInt64, settings: GossipSettings = GossipSettings()) {
        generator = SeededGenerator(seed: seed)
        self.settings = settings
        for index in 0..<count {
            members.append(Process(node: makeNode(index, seed: seed &* 1_000 &+ UInt64(index))))
            deliver(.event(.start), to: index, after: .zero)
        }
    }

    /// A pool whose members have all joined the first and know each other.
    static func joined(count: Int, seed: UInt64, settings: GossipSettings = GossipSettings()) -> SimulatedPool {
        var pool = SimulatedPool(count: count, seed: seed, settings: settings)
        pool.run(for: .milliseconds(10))
        for index in 1..<count { pool.tell(index, .join(RequestID(1), pool.address(of: 0))) }
        pool.run(for: .seconds(10))
        return pool
    }

    func name(_ index: Int) -> String { "node-\(index)" }

    func address(of index: Int) -> GossipAddress { GossipAddress(bytes: [10, 0, 0, UInt8(index + 1)], port: 4_648) }

    private func makeNode(_ index: Int, seed: UInt64) -> GossipNode {
        GossipNode(
            name: name(index), address: address(of: index), tags: ["index": "\(index)"], settings: settings, seed: seed)
    }

    // MARK: - Doing

    mutating func tell(_ index: Int, _ event: GossipEvent) { step(index, event) }

    mutating func kill(_ index: Int) { members[index].isRunning = false }

    mutating func pause(_ index: Int, for duration: Duration) { members[index].pausedUntil = now + duration }

    /// Starts a killed member anew, without memory, and lets it join through `other`.
    mutating func restart(_ index: Int, joining other: Int) {
        let seed = generator.next()
        members[index].node = makeNode(index, seed: seed)
        members[index].isRunning = true
        step(index, .start)
        step(index, .join(RequestID(2), address(of: other)))
    }

    mutating func run(for duration: Duration) { _ = run(for: duration) { _ in false } }

    /// Runs until `isDone`, asked every 50 ms, or `limit` has passed; returns the time it took, nil at the limit.
    mutating func run(for limit: Duration, until isDone: (SimulatedPool) -> Bool) -> Duration? {
        let (start, end) = (now, now + limit)
        var nextLook = now
        while let next = queue.first, next.at <= end {
            while nextLook <= next.at {
                if isDone(self) { return nextLook - start }
                nextLook = nextLook + .milliseconds(50)
            }
            queue.removeFirst()
            now = max(now, next.at)
            arrive(next.arrival, at: next.target)
        }
        now = end
        return isDone(self) ? limit : nil
    }

    // MARK: - Asking

    /// The names that member `index` lists with `status`.
    func listed(by index: Int, as status: MemberStatus) -> Set<String> {
        Set(members[index].node.memberList.filter { $0.status == status }.map(\.name))
    }

    /// Whether all of `observers` list all of `subjects` with `status`.
    func agree(_ observers: some Sequence<Int>, that subjects: some Sequence<Int>, are status: MemberStatus) -> Bool {
        let names = Set(subjects.map(name))
        return observers.allSatisfy { listed(by: $0, as: status).isSuperset(of: names) }
    }

    // MARK: - World

    private mutating func step(_ index: Int, _ event: GossipEvent) {
        let effects = members[index].node.step(event, at: now)
        for effect in effects { carryOut(effect, of: index) }
        // One tick in flight is enough; a stale one does no harm.
        queue.insert(Entry(at: members[index].node.deadline, target: index, arrival: .event(.tick), isTick: true))
    }

    private mutating func carryOut(_ effect: GossipEffect, of index: Int) {
        switch effect {
        case .send(let packet, let address):
            precondition(packet.count <= settings.packetBytesMax, "a packet of \(packet.count) bytes")
            guard let target = target(address), !isCut(index, target), !isPacketDeaf(target) else { return }
            guard Double.random(in: 0..<1, using: &generator) >= loss else { return }
            deliver(.event(.packet(packet, from: self.address(of: index))), to: target, after: latency())
        case .open(let id, let bytes, let address, let limit): open(id, bytes, to: address, within: limit, of: index)
        case .reply(let id, let bytes): reply(id, bytes, of: index)
        case .close: break
        case .report(let event):
            members[index].events.append((now, event))
            trace.append("\(now.nanoseconds) \(name(index)) \(event)")
        case .changeKeyring(let id, let operation):
            step(index, .keyringChanged(id, changeKeys(of: index, operation)))
        case .note(let note): members[index].notes.append(note)
        case .joinEnded, .keysEnded, .left, .userEvent: members[index].outcomes.append(effect)
        }
    }

    private mutating func open(
        _ id: StreamID, _ bytes: [UInt8], to address: GossipAddress, within limit: Duration, of index: Int
    ) {
        var decoder = StreamDecoder()
        guard let target = target(address), let message = try? decoder.append(bytes) else { return }
        // A dead process's port refuses at once; a cut network, and a stopped process, only time ends.
        guard members[target].isRunning else {
            deliver(.event(.streamFailed(id, "connection refused")), to: index, after: latency())
            return
        }
        deliver(.event(.streamFailed(id, "timed out")), to: index, after: limit)
        guard !isCut(index, target), !isCut(target, index) else { return }
        deliver(.request(message, opener: index, id: id), to: target, after: latency())
    }

    /// Streams a member answers carry the opener in their number: −1 − (opener · 2³² + id).
    private mutating func reply(_ id: StreamID, _ bytes: [UInt8], of index: Int) {
        let packed = -1 - id.number
        let (opener, number) = (Int(packed >> 32), packed & 0xffff_ffff)
        var decoder = StreamDecoder()
        guard let message = try? decoder.append(bytes), !isCut(index, opener) else { return }
        deliver(.event(.response(StreamID(number), message)), to: opener, after: latency())
    }

    private mutating func arrive(_ arrival: Arrival, at index: Int) {
        guard members[index].isRunning else { return }
        if let until = members[index].pausedUntil, until > now {
            queue.insert(Entry(at: until, target: index, arrival: arrival, isTick: false))
            return
        }
        switch arrival {
        case .event(.tick):
            guard members[index].node.deadline <= now else { return }
            step(index, .tick)
        case .event(let event): step(index, event)
        case .request(let message, let opener, let id):
            let packed = StreamID(-1 - (Int64(opener) << 32 | id.number))
            step(index, .request(packed, message, from: address(of: opener)))
        }
    }

    private mutating func deliver(_ arrival: Arrival, to target: Int, after delay: Duration) {
        queue.insert(Entry(at: now + delay, target: target, arrival: arrival, isTick: false))
    }

    private mutating func latency() -> Duration { .microseconds(Int64.random(in: 200..<5_000, using: &generator)) }

    private func target(_ address: GossipAddress) -> Int? {
        members.indices.first { self.address(of: $0) == address }
    }

    private mutating func changeKeys(of index: Int, _ operation: KeyOperation) -> KeyResponse {
        switch operation {
        case .install(let key): members[index].keys.append(key)
        case .use(let key):
            guard members[index].keys.contains(key) else { return KeyResponse(isDone: false, message: "not installed") }
            members[index].keys.removeAll { $0 == key }
            members[index].keys.insert(key, at: 0)
        case .remove(let key): members[index].keys.removeAll { $0 == key }
        case .list: break
        }
        return KeyResponse(isDone: true, keys: members[index].keys.map { Base64.encode($0) })
    }

    // MARK: - The order of things

    private struct Entry {
        let at: Uptime
        let target: Int
        let arrival: Arrival
        let isTick: Bool
    }

    /// A binary heap by time, then by order of insertion; at most one tick a member and moment is kept.
    private struct Heap {
        private var entries: [(entry: Entry, number: Int)] = []
        private var lastNumber = 0
        private var ticks: [Int: Uptime] = [:]

        var first: Entry? { entries.first?.entry }

        mutating func insert(_ entry: Entry) {
            if entry.isTick {
                if let known = ticks[entry.target], known == entry.at { return }
                ticks[entry.target] = entry.at
            }
            lastNumber += 1
            entries.append((entry, lastNumber))
            var child = entries.count - 1
            while child > 0, isBefore(child, (child - 1) / 2) {
                entries.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        }

        mutating func removeFirst() {
            if let first, first.isTick, ticks[first.target] == first.at { ticks[first.target] = nil }
            entries.swapAt(0, entries.count - 1)
            entries.removeLast()
            var parent = 0
            while let child = [2 * parent + 1, 2 * parent + 2].filter({ $0 < entries.count })
                .min(by: { isBefore($0, $1) }), isBefore(child, parent)
            {
                entries.swapAt(child, parent)
                parent = child
            }
        }

        private func isBefore(_ left: Int, _ right: Int) -> Bool {
            (entries[left].entry.at, entries[left].number) < (entries[right].entry.at, entries[right].number)
        }
    }
}
