package import Model

/// The network that an allocation's tasks share, as they are told of it.
package struct GroupNetwork: Sendable, Equatable {
    /// Where it is held.
    package var path: String
    package var status: AllocationNetworkStatus
    package var hostname: String

    /// What a driver must know of to run tasks in a network of that mode: a word of driver.h "network_isolation".
    package static func isolation(_ mode: String) -> String {
        NetworkResource.isOwn(mode: mode) ? "group" : mode.isEmpty ? "host" : mode
    }
}
