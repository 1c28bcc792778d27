import Basics
import Foundation
import Synchronization
import TestSupport

/// Clients that read, write and swap variables over HTTP side by side, and remember what they asked and were told.
///
/// Every four seconds they go on to fresh variables, so that histories stay short however long they run.
final class RegisterClients: Sendable {
    struct Record {
        var histories: [String: RegisterHistory] = [:]
        /// The index that each value was seen at: one that has two was written twice.
        var indexes: [String: [Int: UInt64]] = [:]
        var answered = 0
        var unanswered = 0
        /// What no fault explains.
        var oddities: [String] = []
    }

    private static let variablesAtATime = 2
    private static let nanosecondsAtATime: Int64 = 4_000_000_000

    private let ports: [Int]
    private let hosts: [String]
    private let record = Mutex(Record())
    private let isOver = Atomic(false)
    private let lastValue = Atomic<Int>(0)
    /// Reads may be answered by any server from what it knows: such histories are not linearizable.
    private let readsStale: Bool

    init(_ servers: PartedServers, readsStale: Bool = false) {
        ports = servers.all.map(\.httpPort)
        hosts = servers.addresses
        self.readsStale = readsStale
    }

    /// Runs so many clients beside `body`; returns what happened.
    func run(_ count: Int, seed: UInt64, during body: () throws -> Void) throws -> Record {
        let threads = DispatchGroup()
        for client in 0..<count {
            threads.enter()
            Thread.detachNewThread {
                self.work(client, seed: seed)
                threads.leave()
            }
        }
        let result = Result { try body() }
        isOver.store(true, ordering: .relaxed)
        threads.wait()
        try result.get()
        return record.withLock { $0 }
    }

    private static let start = ContinuousClock.now

    static var now: Int64 { (ContinuousClock.now - start).nanosecondCount }

    /// What is known of a variable: who swaps says what it is to hold by its index.
    private struct Known {
        var value: Int?
        var index: UInt64
    }

    private func work(_ client: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed &+ UInt64(client))
        let servers = zip(ports, hosts).map {
            HTTPConnection(port: $0, host: $1, timeout: .milliseconds(1_500), repeats: false)
        }
        var known: [String: Known] = [:]
        while !isOver.load(ordering: .relaxed) {
            let period = RegisterClients.now / RegisterClients.nanosecondsAtATime
            let path = "r/\(period)/\(Int.random(in: 0..<RegisterClients.variablesAtATime, using: &generator))"
            let http = servers[Int.random(in: servers.indices, using: &generator)]
            let choice = Int.random(in: 0..<20, using: &generator)
            known[path] = ask(client, choice, http, path, known[path])
            usleep(UInt32.random(in: 0...20_000, using: &generator))
        }
    }

    /// One request; returns what is known of the variable after it.
    private func ask(_ client: Int, _ choice: Int, _ http: HTTPConnection, _ path: String, _ known: Known?) -> Known? {
        let target = "/v1/var/\(path)"
        let value = lastValue.add(1, ordering: .relaxed).newValue
        let body = JSON.object([("Items", .object([("v", .string("\(value)"))]))]).bytes
        switch choice {
        case 0..<8:
            return send(client, http, "GET", target + (readsStale ? "?stale" : ""), [], path) { answer in
                guard answer.status == 200 || answer.status == 404 else { return nil }
                let found = answer.status == 404 ? Known(value: nil, index: 0) : RegisterClients.found(answer)
                return (.read(found.value), found)
            }
        case 8..<13:
            return send(client, http, "PUT", target, body, path, unanswered: .write(value)) { answer in
                answer.status == 200 ? (.write(value), RegisterClients.found(answer)) : nil
            }
        case 13:
            return send(client, http, "DELETE", target, [], path, unanswered: .write(nil)) { answer in
                answer.status == 204 ? (.write(nil), Known(value: nil, index: 0)) : nil
            }
        default:
            let from = known ?? Known(value: nil, index: 0)
            let swap = RegisterHistory.Action.swap(from: from.value, to: value)
            return send(client, http, "PUT", target + "?cas=\(from.index)", body, path, unanswered: swap) { answer in
                guard answer.status == 200 || answer.status == 409 else { return nil }
                let found = RegisterClients.found(answer)
                return (answer.status == 200 ? swap : .refusedSwap(from: from.value, present: found.value), found)
            }
        }
    }

    /// The variable in an answer; one of index 0 is not there.
    private static func found(_ answer: HTTPConnection.Response) -> Known {
        let body = try? answer.json()
        let value = body?["Items"]?["v"]?.string.flatMap { Int($0) }
        return Known(value: value, index: UInt64(body?["ModifyIndex"]?.integer ?? 0))
    }

    private func send(
        _ client: Int, _ http: HTTPConnection, _ method: String, _ target: String, _ body: [UInt8], _ path: String,
        unanswered: RegisterHistory.Action? = nil,
        _ read: (HTTPConnection.Response) -> (RegisterHistory.Action, Known)?
    ) -> Known? {
        let called = RegisterClients.now
        let answer = Result { try http.request(method, target, body) }
        let returned = RegisterClients.now
        if case .success(let answer) = answer, let (action, known) = read(answer) {
            record.withLock { record in
                record.answered += 1
                record.histories[path, default: RegisterHistory()].operations.append(
                    .init(client: client, action: action, called: called, returned: returned))
                guard let value = known.value else { return }
                let before = record.indexes[path, default: [:]].updateValue(known.index, forKey: value)
                if let before, before != known.index {
                    record.oddities.append("\(path): \(value) was seen at index \(before) and at index \(known.index)")
                }
            }
            return known
        }
        if case .failure(let error) = answer, (error as? HTTPConnection.Failure)?.isUnsent == true { usleep(20_000) }
        record.withLock { record in
            record.unanswered += 1
            if case .success(let answer) = answer, ![500, 503, 504].contains(answer.status) {
                record.oddities.append("\(method) \(target): \(answer.status) \(answer.text)")
            }
            let wasSent =
                if case .failure(let error) = answer {
                    (error as? HTTPConnection.Failure)?.isUnsent != true
                } else {
                    true
                }
            guard wasSent, let unanswered else { return }
            record.histories[path, default: RegisterHistory()].operations.append(
                .init(client: client, action: unanswered, called: called, returned: nil))
        }
        return nil
    }
}
