internal import Basics
internal import Logging
internal import PluginHost

/// Drivers that may not be there yet.
extension ClientWorld {
    /// The driver, as soon as it is there.
    func driverAwaited(_ name: String) async throws -> any Driver {
        var isLogged = false
        while true {
            if let driver = drivers.driver(named: name) { return driver }
            if !isLogged {
                log.warning("a task waits for its driver to be loaded again", metadata: ["driver": "\(name)"])
            }
            isLogged = true
            try await seam.time.sleep(for: .milliseconds(50))
        }
    }

    /// The driver, if it is there; else waits for it until ``ClientConfiguration/driverWait`` after the first load of all.
    func driverExpected(_ name: String) async throws -> (any Driver)? {
        let end = try await settled.get() + configuration.driverWait
        while true {
            if let driver = drivers.driver(named: name) { return driver }
            guard seam.time.uptime < end else { return nil }
            try await seam.time.sleep(for: .milliseconds(50))
        }
    }

    /// A loaded driver; waits a little for one that is just being started or replaced.
    func driver(named name: String) async -> (any Driver)? {
        for turn in 0..<50 {
            if let driver = drivers.driver(named: name) { return driver }
            guard turn < 49, drivers.driverNames.contains(name) || !isSettled() else { break }
            do { try await seam.time.sleep(for: .milliseconds(100)) } catch { return nil }
        }
        return nil
    }
}
