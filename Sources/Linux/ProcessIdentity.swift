internal import CLinux
internal import Glibc

/// One process for as long as the machine is up: a pid may be used again, a pid with a start time is not.
package struct ProcessIdentity: Hashable, Sendable {
    package let pid: Int32
    /// Clock ticks from boot to its start: field 22 of /proc/PID/stat (proc(5)).
    package let startTime: UInt64

    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    /// The process that has `pid` now; nil when there is none.
    package init?(pid: Int32) {
        guard let fields = ProcessTable.statFields(pid), fields.count > 19, let start = UInt64(fields[19]) else {
            return nil
        }
        self.init(pid: pid, startTime: start)
    }

    /// A pidfd of exactly this process, or nil when it has ended.
    ///
    /// The descriptor is opened first and the start time compared after: then what was compared is what is held.
    package func open() throws(LinuxError) -> FileDescriptor? {
        let number = clinux_pidfd_open(pid)
        if number < 0 {
            let error = errno
            if error == ESRCH || error == EINVAL { return nil }
            throw LinuxError(call: "pidfd_open", path: "\(pid)", errno: error)
        }
        let descriptor = FileDescriptor(owning: number)
        return ProcessIdentity(pid: pid) == self ? descriptor : nil
    }

    /// Sends a signal to exactly this process; false when it has ended.
    package func send(_ signal: Int32) throws(LinuxError) -> Bool {
        guard let descriptor = try open() else { return false }
        if clinux_pidfd_send_signal(descriptor.number, signal) == 0 { return true }
        let error = errno
        if error == ESRCH { return false }
        throw LinuxError(call: "pidfd_send_signal", path: "\(pid)", errno: error)
    }

    /// Whether it exists and is more than a zombie.
    package var isAlive: Bool {
        guard let fields = ProcessTable.statFields(pid), fields.count > 19, UInt64(fields[19]) == startTime else {
            return false
        }
        return fields[0] != "Z" && fields[0] != "X"
    }
}

/// Questions to /proc about processes.
package enum ProcessTable {
    /// The fields of /proc/PID/stat after the program's name: `[0]` is field 3, the state. Nil when it does not exist.
    package static func statFields(_ pid: Int32) -> [Substring]? {
        guard let text = SmallFile.text("/proc/\(pid)/stat"), let end = text.utf8.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        return text[text.utf8.index(after: end)...].split(separator: " ")
    }

    /// All pids, in no order.
    package static func pids() -> [Int32] {
        Folder.names("/proc").compactMap { Int32($0) }
    }

    /// Whether a pid is a process that has not ended; one that nobody has asked for its end yet (a zombie) has.
    package static func isLive(_ pid: Int32) -> Bool {
        guard let state = statFields(pid)?.first else { return false }
        return state != "Z" && state != "X"
    }

    /// Live processes whose session (field 6) is `leader`.
    package static func members(ofSession leader: Int32) -> [Int32] {
        pids().filter { pid in
            guard let fields = statFields(pid), fields.count > 3, fields[0] != "Z" else { return false }
            return Int32(fields[3]) == leader
        }
    }

    /// `root` and all its descendants by parent (field 4), root first.
    package static func tree(_ root: Int32) -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for pid in pids() {
            guard let fields = statFields(pid), fields.count > 1, let parent = Int32(fields[1]) else { continue }
            children[parent, default: []].append(pid)
        }
        var found = [root]
        var next = 0
        while next < found.count {
            found += children[found[next]] ?? []
            next += 1
        }
        return found
    }

    /// CPU time and memory of one process: user and system nanoseconds, resident bytes, threads.
    package static func usage(_ pid: Int32) -> (user: UInt64, system: UInt64, resident: UInt64, threads: UInt64)? {
        guard let fields = statFields(pid), fields.count > 21, let user = UInt64(fields[11]),
            let system = UInt64(fields[12]), let threads = UInt64(fields[17]), let pages = UInt64(fields[21])
        else { return nil }
        let tick = 1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        let page = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
        return (user * tick, system * tick, pages * page, threads)
    }

    /// Bytes that processes have had read from and written to block devices, with those of their children that have ended and
    /// were waited for (/proc/PID/io, proc(5)); nil when none may be asked.
    package static func blockIO(_ pids: [Int32]) -> (read: UInt64, write: UInt64)? {
        var sum: (read: UInt64, write: UInt64)?
        for pid in pids {
            guard let text = SmallFile.text("/proc/\(pid)/io") else { continue }
            var one: (read: UInt64, write: UInt64) = (0, 0)
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                if words.first == "read_bytes:" { one.read = words.last.flatMap { UInt64($0) } ?? 0 }
                if words.first == "write_bytes:" { one.write = words.last.flatMap { UInt64($0) } ?? 0 }
            }
            sum = ((sum?.read ?? 0) + one.read, (sum?.write ?? 0) + one.write)
        }
        return sum
    }
}
