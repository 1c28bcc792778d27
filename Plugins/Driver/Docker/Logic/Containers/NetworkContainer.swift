internal import DroverSDK

/// The container that holds the network of a group: it does nothing but wait, and containers of the group's tasks join it by name.
struct NetworkContainer: Sendable {
    let allocation: String
    let hostname: String
    let owner: String

    /// What `request` names by this key is the allocation whose network a container holds.
    static let label = "drover.network"

    /// As Nomad names it, for programs that look for it.
    static func name(of allocation: String) -> String { "nomad_init_\(allocation)" }

    var name: String { NetworkContainer.name(of: allocation) }

    /// The document that makes it (Engine API: ContainerCreate). It is not started anew: its network would be another one, with
    /// nothing in it.
    func document(image: String) -> JSON {
        var body: [String: JSON] = [
            "Image": .string(image),
            "Labels": [
                ContainerRequest.Label.owner: .string(owner), ContainerRequest.Label.allocation: .string(allocation),
                NetworkContainer.label: .string(allocation),
            ],
            "HostConfig": [
                "NetworkMode": "none", "RestartPolicy": ["Name": "no"], "AutoRemove": false,
                "LogConfig": ["Type": "none"],
            ],
        ]
        if !hostname.isEmpty { body["Hostname"] = .string(hostname) }
        return .object(body)
    }
}
