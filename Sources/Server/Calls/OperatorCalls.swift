internal import Basics
internal import Model
internal import RPC
internal import StateStore

extension SetSchedulerConfiguration: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> UpdatedReply {
        let problems = configuration.problems(with: server.placers)
        guard problems.isEmpty else { throw CallError(.invalid, problems.joined(separator: "; ")) }
        var reply = UpdatedReply()
        let change = SchedulerConfigurationChange(
            configuration: configuration, expectedIndex: checkAndSet ? modifyIndex : nil)
        do {
            reply.index = try await server.propose(.schedulerConfiguration(change)).index
            reply.updated = true
        } catch let error as CallError where error.code == .conflict {
            reply.index = server.snapshot.index
        }
        return reply
    }
}

extension CollectGarbage: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        await server.collectGarbage(force: true)
        return IndexReply(index: server.snapshot.index)
    }
}
