extension BlockSchema {
    /// A quota file.
    static let quota = BlockSchema([
        Field("name", "Name", .string), Field("description", "Description", .string),
        Field("limit", "Limits", .blocks(quotaLimit)),
    ])

    private static let quotaLimit = BlockSchema([
        Field("region", "Region", .string), Field("region_limit", "RegionLimit", .block(quotaResources)),
    ])

    private static let quotaResources = BlockSchema([
        Field("cpu", "CPU", .int), Field("cores", "Cores", .int), Field("memory", "MemoryMB", .int),
        Field("memory_max", "MemoryMaxMB", .int),
    ])

    /// A namespace file.
    static let namespace = BlockSchema([
        Field("name", "Name", .string), Field("description", "Description", .string),
        Field("quota", "Quota", .string), Field("meta", "Meta", .stringMap),
    ])

    /// A variable's file.
    static let variable = BlockSchema([
        Field("path", "Path", .string), Field("namespace", "Namespace", .string), Field("items", "Items", .stringMap),
        Field("create_index", "CreateIndex", .int), Field("modify_index", "ModifyIndex", .int),
        Field("create_time", "CreateTime", .int), Field("modify_time", "ModifyTime", .int),
    ])

    /// A node pool file.
    static let nodePoolFile = BlockSchema([Field("node_pool", "NodePools", .blocks(nodePool))])

    private static let nodePool = BlockSchema(
        label: ("name", "Name"),
        [
            Field("description", "Description", .string), Field("meta", "Meta", .stringMap),
            Field("scheduler_config", "SchedulerConfiguration", .block(nodePoolScheduler)),
        ])

    private static let nodePoolScheduler = BlockSchema([
        Field("scheduler_algorithm", "SchedulerAlgorithm", .string),
        Field("memory_oversubscription_enabled", "MemoryOversubscriptionEnabled", .bool),
    ])
}
