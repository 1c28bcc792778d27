internal import Glibc
internal import Synchronization

/// A named moment at which a test has the process killed, as `kill -9` from outside would, but at exactly that place.
///
/// `DROVER_FAULT_POINT=NAME[:COUNT]` ends the process with SIGKILL when it reaches NAME the COUNTth time, 1 by default. With
/// `DROVER_FAULT_MARK=FILE` only the process that creates FILE dies, so that of an agent, its plug-in hosts and the shims one dies
/// once, and the test sees that it did. Without the first variable a point costs the test of one constant.
package enum FaultPoint {
    private static let left = Atomic<Int>(0)

    /// The point named by the environment.
    private static let name: String? = {
        guard let text = variable("DROVER_FAULT_POINT"), !text.isEmpty else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1)
        left.store(parts.count > 1 ? Int(parts[1]) ?? 1 : 1, ordering: .relaxed)
        return parts.first.map(String.init)
    }()

    package static let isArmed = name != nil

    /// Ends the process when `point` is the one that the environment names.
    package static func reach(_ point: StaticString) {
        guard isArmed else { return }
        strike(point)
    }

    /// What programs started by this one need, so that their points are armed too; "NAME=value".
    package static var environment: [String] {
        guard isArmed else { return [] }
        return ["DROVER_FAULT_POINT", "DROVER_FAULT_MARK"].compactMap { key in variable(key).map { "\(key)=\($0)" } }
    }

    private static func strike(_ point: StaticString) {
        guard name == point.description, left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
        if let mark = variable("DROVER_FAULT_MARK") {
            guard (try? FileDescriptor(path: mark, flags: O_WRONLY | O_CREAT | O_EXCL)) != nil else { return }
        }
        _ = kill(getpid(), SIGKILL)
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
