import Basics
import Foundation
import Linux

/// Monotonic seconds.
func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The value below which `share` of the samples lie.
func percentile(_ samples: [Double], _ share: Double) -> Double {
    let sorted = samples.sorted()
    guard !sorted.isEmpty else { return .nan }
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}

/// Runs what waits on a thread of its own: the simulated nodes need those of the tasks for their heartbeats.
func blocking<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Swift.Result { try work() }) }.start()
    }
}

/// A value rounded to `digits` decimals, for printing.
func rounded(_ value: Double, _ digits: Int = 1) -> Double {
    let scale = pow(10, Double(digits))
    return (value * scale).rounded() / scale
}

/// What the kernel says of processes (proc(5)).
enum Processes {
    /// Fields of `/proc/<pid>/smaps_rollup` in KiB, such as `Pss`, `Private_Clean`, `Private_Dirty`.
    static func memoryKiB(_ pid: pid_t) -> [String: Int] { fields("/proc/\(pid)/smaps_rollup") }

    /// Peak resident memory in KiB.
    static func peakKiB(_ pid: pid_t) -> Int { fields("/proc/\(pid)/status")["VmHWM"] ?? 0 }

    /// Resident memory in KiB.
    static func residentKiB(_ pid: pid_t) -> Int { fields("/proc/\(pid)/status")["VmRSS"] ?? 0 }

    /// Processor time spent so far, in user mode and in the kernel.
    static func cpuSeconds(_ pid: pid_t) -> Double {
        let status = text("/proc/\(pid)/stat")
        guard let end = status.lastIndex(of: ")") else { return .nan }
        let rest = status[status.index(after: end)...].split(separator: " ").map(String.init)
        guard rest.count > 12, let user = Double(rest[11]), let system = Double(rest[12]) else { return .nan }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The process and all below it.
    static func tree(_ root: pid_t) -> [pid_t] {
        let parents = all().compactMap { pid in parent(pid).map { (pid, $0) } }
        var found = [root]
        var position = 0
        while position < found.count {
            found += parents.filter { $0.1 == found[position] }.map(\.0)
            position += 1
        }
        return found
    }

    /// The command name of a process (at most 15 bytes).
    static func name(_ pid: pid_t) -> String {
        text("/proc/\(pid)/comm").split(separator: "\n").first.map(String.init) ?? ""
    }

    static func all() -> [pid_t] { ((try? SystemDisk().list("/proc")) ?? []).compactMap { pid_t($0) } }

    private static func parent(_ pid: pid_t) -> pid_t? {
        let status = text("/proc/\(pid)/stat")
        guard let end = status.lastIndex(of: ")") else { return nil }
        let rest = status[status.index(after: end)...].split(separator: " ")
        return rest.count > 1 ? pid_t(rest[1]) : nil
    }

    private static func fields(_ path: String) -> [String: Int] {
        var values: [String: Int] = [:]
        for line in text(path).split(separator: "\n") {
            let words = line.split { $0 == ":" || $0 == " " || $0 == "\t" }
            if words.count >= 2, let value = Int(words[1]) { values[String(words[0])] = value }
        }
        return values
    }

    private static func text(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Threads for bodies that block: they would hold up the cooperative pool.
enum Threads {
    /// Runs `body` on a thread of its own.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            detach { continuation.resume(with: Swift.Result { try body() }) }
        }
    }

    /// Runs `body` on a thread of its own that nobody waits for.
    static func detach(_ body: @escaping @Sendable () -> Void) { Thread.detachNewThread(body) }
}
