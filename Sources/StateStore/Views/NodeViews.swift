package import Basics
import Model

extension Snapshot {
    /// `/v1/nodes`: NodeListStub objects by id.
    package func listNodes(_ request: ListRequest) throws -> ListPage {
        guard let range = IDPrefix(request.prefix) else { return ListPage(body: Array("[]".utf8), nextToken: "") }
        var page = PageCollector(request)
        let start = ID(request.nextToken).flatMap { $0.isNone ? nil : $0 }
        func visit(_ row: UInt32) throws -> Bool {
            guard let node = state.nodes[Int(row)]?.node else { return true }
            guard range.low <= node.id, node.id <= range.high else { return false }
            guard request.nodePool.map({ $0 == "all" || $0 == node.nodePool }) ?? true else { return true }
            return try page.offer(token: node.id.description) { writeStub(node, request, to: &$0) }
        }
        func identify(_ row: UInt32) -> ID { state.nodeID(row) }
        if request.reverse {
            try state.nodeIndex.scanDown(from: min(start ?? range.high, range.high), identify: identify, visit)
        } else {
            try state.nodeIndex.scan(from: max(start ?? range.low, range.low), identify: identify, visit)
        }
        return page.finish()
    }

    private func writeStub(_ node: Node, _ request: ListRequest, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("Address", node.addressHost)
        writer.field("ID", node.id)
        writer.field("Attributes", request.isOn("os") ? node.operatingSystem : nil)
        writer.field("Datacenter", node.datacenter)
        writer.field("Name", node.name)
        writer.field("NodeClass", node.nodeClass)
        writer.field("NodePool", node.nodePool)
        writer.field("Version", node.attributes["nomad.version"] ?? "")
        writer.field("Drain", node.drain)
        writer.field("SchedulingEligibility", node.schedulingEligibility.rawValue)
        writer.field("Status", node.status.rawValue)
        writer.field("StatusDescription", node.statusDescription)
        writer.field("Drivers", Optional(node.drivers))
        if request.isOn("resources") {
            writer.field("NodeResources", Optional(node.nodeResources))
            writer.field("ReservedResources", Optional(node.reservedResources))
        }
        writer.field("LastDrain", JSON?.none)
        writer.field("CreateIndex", node.createIndex)
        writer.field("ModifyIndex", node.modifyIndex)
        writer.endObject()
    }

    /// A Node object without its secret, or nil.
    package func nodeView(_ id: ID) -> [UInt8]? {
        guard var node = node(id) else { return nil }
        node.secretID = .none
        return node.jsonBytes
    }
}

extension Node {
    /// The host part of the HTTP address.
    fileprivate var addressHost: String {
        guard let colon = httpAddr.lastIndex(of: ":") else { return httpAddr }
        return String(httpAddr[..<colon])
    }

    fileprivate var operatingSystem: [String: String] { attributes.filter { $0.key.hasPrefix("os.") } }
}
