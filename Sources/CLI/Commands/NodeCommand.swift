internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct NodeCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Look at the machines that run tasks.",
        subcommands: [NodeStatusCommand.self, NodePoolCommand.self])

    package init() {}
}

package struct NodeStatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "List nodes, or show one.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("self"), help: "The node of the agent asked.")
    var own = false

    @Flag(name: .go("allocs"), help: "In the list: running allocations of each node.")
    var allocs = false

    @Flag(name: .go("short"), help: "Leave out resources, events and drivers.")
    var short = false

    @Flag(name: .go("stats"), help: "What the machine uses now; the node's own agent must be asked.")
    var stats = false

    @Flag(name: .go("verbose"), help: "Whole IDs and moments, drivers, devices, attributes and meta data.")
    var verbose = false

    @Flag(name: .customShort("q"), help: "Only IDs in the list.")
    var quiet = false

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Argument(help: ArgumentHelp("A node's ID, or the beginning of one.", valueName: "node"))
    var node: String?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        guard let id = try await wanted(client, shown) else { return try await list(client, shown) }
        if json { return Console.write(try await client.get("/v1/node/\(id)").json().prettyText) }
        Console.write(try await show(id, client, shown).joined(separator: "\n\n"))
    }

    private func wanted(_ client: DroverClient, _ shown: Shown) async throws -> ID? {
        if own {
            let agent = try await client.get("/v1/agent/self").json()
            guard let text = agent["stats"]?["client"]?["node_id"]?.string, let id = ID(text), !id.isNone else {
                throw CommandError("the agent at \(client.address) runs no client, so it has no node of its own")
            }
            return id
        }
        guard let node else { return nil }
        return try await Lookup(client: client, shown: shown).nodeID(node)
    }

    private func list(_ client: DroverClient, _ shown: Shown) async throws {
        if json { return Console.write(try await client.get("/v1/nodes").json().prettyText) }
        let nodes = try await client.nodes()
        if quiet { return Console.write(nodes.map { shown.id($0.id) }.joined(separator: "\n")) }
        var running: [ID: Int]?
        if allocs {
            var all = client
            all.namespace = "*"
            var counts: [ID: Int] = [:]
            for stub in try await all.allocations() where stub.clientStatus == .running {
                counts[stub.nodeID, default: 0] += 1
            }
            running = counts
        }
        Console.write(NodeOutput(shown: shown).list(nodes, running: running))
    }

    private func show(_ id: ID, _ client: DroverClient, _ shown: Shown) async throws -> [String] {
        let output = NodeOutput(shown: shown)
        let node = try await client.node(id)
        let allocations = try await client.nodeAllocations(id)
        var parts = [output.facts(node)]
        if !short {
            if verbose { parts += [output.drivers(node)] + output.driverAttributes(node) + output.devices(node) }
            parts += [output.events(node), output.allocated(node, allocations)]
            if stats {
                let used = try await client.get("/v1/client/stats", query: [("node_id", id.description)]).json()
                parts += [output.usage(used)] + DeviceOutput(shown: shown).usage(used["DeviceStats"] ?? .null)
            }
        }
        let table = JobOutput(shown: shown).allocations(allocations.map(AllocationStub.init))
        parts.append(table)
        if verbose, !short {
            parts += DeviceOutput(shown: shown).attributes(node) + [output.attributes(node), output.meta(node)]
        }
        return parts
    }
}

extension AllocationStub {
    /// The list form of a whole allocation.
    init(_ allocation: Allocation) {
        self.init()
        id = allocation.id
        evalID = allocation.evalID
        name = allocation.name
        namespace = allocation.namespace
        nodeID = allocation.nodeID
        nodeName = allocation.nodeName
        jobID = allocation.jobID
        jobVersion = allocation.job?.version ?? 0
        taskGroup = allocation.taskGroup
        desiredStatus = allocation.desiredStatus
        clientStatus = allocation.clientStatus
        createIndex = allocation.createIndex
        createTime = allocation.createTime
        modifyTime = allocation.modifyTime
    }
}
