internal import DroverSDK
internal import Synchronization

/// What the operator's cloud says of this machine. What it has once said stays when it does not answer later: a node does not move
/// to another cloud, and one lost answer must not change its class.
final class CloudProbe: Sendable {
    /// All requests of one look together end well within the host's 10 s (fingerprint.h).
    private static let budgetNanoseconds: Int64 = 5_000_000_000

    private let known = Mutex<[Cloud: CloudFacts]>([:])

    /// Asks the clouds that are wanted.
    func run(_ options: CloudOptions, _ fingerprint: inout Fingerprint) {
        let client = MetadataClient(
            address: options.address, timeoutNanoseconds: options.timeoutNanoseconds, budget: Self.budgetNanoseconds)
        for cloud in options.clouds {
            let found = cloud.facts(client)
            let facts = known.withLock { known in
                if let found { known[cloud] = found }
                return known[cloud]
            }
            guard let facts else { continue }
            fingerprint.attributes.merge(facts.attributes) { $1 }
            fingerprint.links.merge(facts.links) { $1 }
        }
    }
}

/// What one cloud says.
struct CloudFacts: Sendable, Equatable {
    var attributes: [String: String] = [:]
    var links: [String: String] = [:]

    /// Adds `platform.<name>`, or `unique.platform.<name>`, unless the value is absent or empty.
    mutating func set(_ name: String, _ value: String?, isUnique: Bool = false) {
        guard let value, !value.isEmpty else { return }
        attributes[(isUnique ? "unique.platform." : "platform.") + name] = value
    }

    /// A tag or attribute that a person gave the machine: unique when its name says so.
    mutating func set(_ name: String, key: String, _ value: String) {
        set("\(name).\(key)", value, isUnique: key.hasPrefix("unique."))
    }
}
