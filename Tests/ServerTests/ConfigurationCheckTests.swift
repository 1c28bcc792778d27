import Basics
import Model
import RPC
import SimulatedSeam
import Simulation
import StateStore
import Testing

@testable import Server

/// A task's `config` is checked before the job is stored, as far as ready nodes tell how.
@Suite struct ConfigurationCheckTests {
    private static let old = JSON.object([("run_for", .object([("type", .string("duration"))]))])
    private static let new = JSON.object([
        ("run_for", .object([("type", .string("duration"))])),
        ("speed", .object([("type", .string("int")), ("required", .bool(true))])),
    ])

    /// Registers a node whose mock_driver has `schema`, or none.
    private static func addNode(_ number: Int, _ schema: JSON?, _ fixture: ServerFixture) async throws -> Node {
        var node = Node.simulated(number: 100 + number, random: fixture.world.random)
        let name = schema.map { DriverSchema.name(of: $0) } ?? ""
        node.drivers["mock_driver"]?.configSchema = name
        node.secretID = node.id
        _ = try await fixture.call(RegisterNode(node: node, schemas: schema.map { [name: $0] } ?? [:]))
        return node
    }

    private static func answer(_ config: JSON, _ fixture: ServerFixture) async throws -> String {
        var call = RegisterJob()
        call.job = ServerFixture.job("web")
        call.job.taskGroups[0].tasks[0].config = config
        do {
            _ = try await fixture.call(call)
            return "accepted"
        } catch let error as CallError {
            return error.message
        }
    }

    @Test func faultsNameGroupTaskDriverKeyAndKeysAllowed() throws {
        let (answers, reply) = try ServerFixture.run(nodes: 0) { fixture in
            _ = try await Self.addNode(1, Self.new, fixture)
            let answers = [
                try await Self.answer(.object([("colour", .string("red")), ("speed", .integer(1))]), fixture),
                try await Self.answer(.null, fixture),
                try await Self.answer(.object([("speed", .string("${meta.speed}"))]), fixture),
            ]
            var validation = ValidateJob()
            validation.job = ServerFixture.job("web")
            validation.notes = ["unknown key Job.Foo is ignored"]
            return (answers, try await fixture.call(validation))
        }
        let place = #"group "group", task "main", driver "mock_driver": config"#
        #expect(answers[0] == "1 error occurred:\n\t* \(place).colour: unknown key; allowed: run_for, speed\n")
        #expect(answers[1] == "1 error occurred:\n\t* \(place).speed: required, but absent; allowed: run_for, speed\n")
        #expect(answers[2] == "accepted")
        #expect(reply.validationErrors == ["\(place).speed: required, but absent; allowed: run_for, speed"])
        #expect(reply.driverConfigValidated)
        #expect(reply.warnings == "1 warning:\n\n* unknown key Job.Foo is ignored")
    }

    /// While a driver is being upgraded node by node, jobs for either version are good.
    @Test func anySchemaOfAReadyNodeWillDo() throws {
        let answers = try ServerFixture.run(nodes: 0) { fixture in
            let speedy = JSON.object([("speed", .integer(1))])
            let older = try await Self.addNode(1, Self.old, fixture)
            var answers = [try await Self.answer(speedy, fixture), try await Self.answer(.null, fixture)]
            _ = try await Self.addNode(2, Self.new, fixture)
            answers += [try await Self.answer(speedy, fixture), try await Self.answer(.null, fixture)]
            let change = NodeStatusChange(nodes: [older.id], status: .down, message: "", time: fixture.world.loop.now)
            try await fixture.server.propose(.nodeStatus(change))
            answers += [try await Self.answer(speedy, fixture), try await Self.answer(.null, fixture)]
            return answers.map { $0 == "accepted" }
        }
        #expect(answers == [false, true, true, true, true, false])
    }

    @Test func nothingIsCheckedWhereNobodyTells() throws {
        let answers = try ServerFixture.run(nodes: 0) { fixture in
            let odd = JSON.object([("colour", .string("red"))])
            let absent = try await Self.answer(odd, fixture)
            _ = try await Self.addNode(1, Self.new, fixture)
            _ = try await Self.addNode(2, nil, fixture)
            return [absent, try await Self.answer(odd, fixture)]
        }
        #expect(answers == ["accepted", "accepted"])
    }

    @Test func longSchemasAreRefused() throws {
        let message = try ServerFixture.run(nodes: 0) { fixture in
            let text = String(repeating: "x", count: DriverSchema.bytesMax)
            do {
                _ = try await Self.addNode(1, .object([(text, .object([]))]), fixture)
                return "accepted"
            } catch let error as CallError {
                return error.message
            }
        }
        #expect(message.hasSuffix("or one beyond 65536 bytes"))
    }
}
