package import Basics

/// What is written down of an allocation's network before each step of making it, so that whoever comes later can go on or clear it
/// away exactly once.
///
/// ```
/// (none) ──► making ──► ready ──► (none)
///               └─────────────────► (none)
/// ```
package struct NetworkRecord: Document, Equatable {
    package enum Phase: String, JSONForm {
        /// Some of it may be there: it is cleared away and made anew.
        case making
        /// Tasks may be in it.
        case ready
    }

    package var phase = Phase.making
    /// Where it is held.
    package var path = ""
    /// The driver that made it; empty: the client itself.
    package var driver = ""
    /// As ``CNINetwork/json``: what made it takes it away, whatever has been configured since.
    package var network: JSON = .null
    package var ports: JSON = .array([])
    package var arguments: [String: String] = [:]
    /// Of the latest plug-in that has answered; null before the first.
    package var result: JSON = .null

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Phase", &phase)
        try visitor.field("Path", &path)
        try visitor.field("Driver", &driver)
        try visitor.field("Network", &network)
        try visitor.field("Ports", &ports)
        try visitor.field("Arguments", &arguments)
        try visitor.field("Result", &result)
    }

    package init(_ attachment: CNIAttachment, driver: String) {
        path = attachment.path
        self.driver = driver
        network = attachment.network.json
        ports = .array(attachment.ports)
        arguments = Dictionary(attachment.arguments) { first, _ in first }
    }

    /// What a client that finds the record does.
    package enum Step: Equatable, Sendable {
        case keep
        case clearAndMake
    }

    /// A network is kept only as long as it is whole: the machine may have been started anew since.
    package func step(isHeld: Bool) -> Step { phase == .ready && isHeld ? .keep : .clearAndMake }

    package func attachment(of allocation: ID, isHeld: Bool, folders: [String]) throws(CNIError) -> CNIAttachment {
        var attachment = CNIAttachment(
            try CNINetwork(network), allocation: "\(allocation)", path: isHeld ? path : "")
        attachment.ports = ports.array ?? []
        attachment.arguments = arguments.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        attachment.folders = folders
        return attachment
    }
}
