internal import Model

/// Node pools as the command line shows them.
enum NodePoolOutput {
    static func list(_ pools: [NodePool]) -> String {
        Table.list(["Name", "Description"], pools.map { [$0.name, $0.description] })
    }

    static func facts(_ pool: NodePool) -> String {
        var text = Table.pairs([("Name", pool.name), ("Description", pool.description)])
        text += "\n\nMetadata\n"
        text +=
            pool.meta.isEmpty
            ? "No metadata" : Table.pairs(pool.meta.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        text += "\n\nScheduler Configuration\n"
        guard let own = pool.schedulerConfiguration else { return text + "No scheduler configuration" }
        let memory = own.memoryOversubscriptionEnabled.map { $0 ? "true" : "false" }
        return text
            + Table.pairs([
                ("Scheduler Algorithm", own.schedulerAlgorithm), ("Memory Oversubscription Enabled", memory ?? ""),
            ])
    }
}
