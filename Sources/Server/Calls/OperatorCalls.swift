internal import Basics
internal import Model
internal import PluginHost
internal import RPC
internal import StateStore

extension SetSchedulerConfiguration: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> UpdatedReply {
        let algorithm = configuration.schedulerAlgorithm
        guard ["binpack", "spread"].contains(algorithm) || server.placers.scheduler(named: algorithm) != nil else {
            throw CallError(
                .invalid,
                "unknown scheduler algorithm \"\(algorithm)\": use \"binpack\", \"spread\" or a loaded scheduler plug-in "
                    + "(\(server.placers.schedulerNames.joined(separator: ", ")))")
        }
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
