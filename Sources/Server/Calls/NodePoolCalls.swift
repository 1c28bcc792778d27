internal import Basics
internal import Model
internal import PluginHost
internal import RPC
internal import StateStore

extension UpsertNodePool: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        var problems = pool.problems()
        let configuration = SchedulerConfiguration().adapted(
            to: pool.schedulerConfiguration ?? NodePoolSchedulerConfiguration())
        problems += configuration.problems(with: server.placers)
        try CallError.check(problems)
        return IndexReply(index: try await server.propose(.nodePoolUpsert(pool)).index)
    }
}

extension DeleteNodePool: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        IndexReply(index: try await server.propose(.nodePoolDelete(name: name)).index)
    }
}
