import Basics
import Model
import Testing

@testable import StateStore

/// Schemas are kept once, for as long as a node names them.
@Suite struct DriverSchemaTests {
    private static func schema(_ key: String) -> JSON { .object([(key, .object([("type", .string("string"))]))]) }

    private static func registration(
        _ name: String, id: ID, _ schema: JSON?, _ fixture: Fixture, status: NodeStatus = .ready
    ) -> StateEntry {
        var node = fixture.node(name, id: id, status: status)
        var driver = DriverInfo()
        driver.detected = true
        driver.configSchema = schema.map { DriverSchema.name(of: $0) } ?? ""
        node.drivers["raw_exec"] = driver
        let schemas = schema.map { [driver.configSchema: $0] } ?? [:]
        return .nodeRegister(NodeRegistration(node: node, schemas: schemas, time: fixture.time))
    }

    @Test func theyFollowTheNodes() {
        var fixture = Fixture()
        let ids = (0..<3).map { _ in ID(random: &fixture.generator) }
        func ready() -> [JSON?] { fixture.snapshot.schemas(ofReadyDriver: "raw_exec") }
        #expect(ready().isEmpty)
        fixture.apply(Self.registration("a", id: ids[0], Self.schema("old"), fixture, status: .initializing))
        #expect(ready().isEmpty)
        fixture.apply(
            .nodeStatus(NodeStatusChange(nodes: [ids[0]], status: .ready, message: "", time: fixture.time)))
        #expect(ready() == [Self.schema("old")])
        fixture.apply(Self.registration("b", id: ids[1], Self.schema("new"), fixture))
        fixture.apply(Self.registration("c", id: ids[2], Self.schema("new"), fixture))
        #expect(ready() == [Self.schema("new"), Self.schema("old")])
        fixture.apply(Self.registration("a", id: ids[0], nil, fixture))
        #expect(ready() == [Self.schema("new"), nil])
        #expect(fixture.store.state.driverSchemas.told.map(\.schema) == [Self.schema("new")])
        fixture.apply(
            .nodeStatus(NodeStatusChange(nodes: ids, status: .down, message: "", time: fixture.time)))
        #expect(ready().isEmpty)
        #expect(fixture.store.state.driverSchemas.told.count == 1)
        var garbage = Garbage()
        garbage.nodes = ids
        fixture.apply(.collect(garbage))
        #expect(fixture.store.state.driverSchemas.told.isEmpty)
    }

    @Test func entriesAndSnapshotsKeepThem() throws {
        var fixture = Fixture()
        let entry = Self.registration("a", id: ID(random: &fixture.generator), Self.schema("old"), fixture)
        #expect(try StateEntry(decoding: entry.encoded) == entry)
        fixture.apply(entry)
        var reader = SnapshotReader()
        try reader.read(fixture.snapshot.encoded)
        let restored = try reader.finish().snapshot()
        #expect(restored.schemas(ofReadyDriver: "raw_exec") == [Self.schema("old")])
        #expect(restored.encoded == fixture.snapshot.encoded)
    }
}
