import Basics
import HCL

/// Placement and policies: blocks that say where and how often, not what.
extension BlockSchema {
    static let constraint = BlockSchema(
        [
            Field("attribute", "LTarget", .string), Field("value", "RTarget", .string),
            Field("operator", "Operand", .string),
        ],
        adjust: { object, reader in
            readShorthand(&object, reader)
            if reader.bool("distinct_hosts") == true {
                object["Operand"] = .string("distinct_hosts")
            } else if reader.has("distinct_hosts") {
                reader.context.report(
                    "Invalid constraint", "distinct_hosts should be set to true or omitted.", at: reader.range)
            }
            if let property = reader.string("distinct_property") {
                object["Operand"] = .string("distinct_property")
                object["LTarget"] = .string(property)
            }
            if object["Operand"] == nil { object["Operand"] = .string("=") }
        })

    static let affinity = BlockSchema(
        [
            Field("attribute", "LTarget", .string), Field("value", "RTarget", .string),
            Field("operator", "Operand", .string), Field("weight", "Weight", .int),
        ],
        adjust: { object, reader in
            readShorthand(&object, reader)
            if object["Operand"] == nil { object["Operand"] = .string("=") }
            if object["Weight"] == nil { object["Weight"] = .integer(50) }
        })

    /// `version = ">= 1.2"` stands for `operator = "version"` and `value = ">= 1.2"`.
    private static func readShorthand(_ object: inout JSONObject, _ reader: BodyReader) {
        var used: String?
        for name in ["regexp", "version", "semver", "set_contains", "set_contains_all", "set_contains_any"] {
            guard let value = reader.string(name) else { continue }
            if let used {
                reader.context.report(
                    "Invalid constraint", "Only one of \"\(used)\" and \"\(name)\" may be set.", at: reader.range)
            }
            used = name
            object["Operand"] = .string(name)
            object["RTarget"] = .string(value)
        }
    }

    static let spread = BlockSchema([
        Field("attribute", "Attribute", .string), Field("weight", "Weight", .int),
        Field(
            "target", "SpreadTarget",
            .blocks(
                BlockSchema(
                    label: ("value", "Value"), [Field("value", "Value", .string), Field("percent", "Percent", .int)]))
        ),
    ])

    static let restart = BlockSchema([
        Field("interval", "Interval", .duration), Field("attempts", "Attempts", .int),
        Field("delay", "Delay", .duration), Field("mode", "Mode", .string),
        Field("render_templates", "RenderTemplates", .bool),
    ])

    static let reschedule = BlockSchema([
        Field("attempts", "Attempts", .int), Field("interval", "Interval", .duration),
        Field("delay", "Delay", .duration), Field("delay_function", "DelayFunction", .string),
        Field("max_delay", "MaxDelay", .duration), Field("unlimited", "Unlimited", .bool),
    ])

    static let disconnect = BlockSchema([
        Field("lost_after", "LostAfter", .duration), Field("stop_on_client_after", "StopOnClientAfter", .duration),
        Field("replace", "Replace", .bool), Field("reconcile", "Reconcile", .string),
    ])

    static let migrate = BlockSchema([
        Field("max_parallel", "MaxParallel", .int), Field("health_check", "HealthCheck", .string),
        Field("min_healthy_time", "MinHealthyTime", .duration),
        Field("healthy_deadline", "HealthyDeadline", .duration),
    ])

    static let update = BlockSchema([
        Field("stagger", "Stagger", .duration), Field("max_parallel", "MaxParallel", .int),
        Field("health_check", "HealthCheck", .string), Field("min_healthy_time", "MinHealthyTime", .duration),
        Field("healthy_deadline", "HealthyDeadline", .duration),
        Field("progress_deadline", "ProgressDeadline", .duration), Field("canary", "Canary", .int),
        Field("auto_revert", "AutoRevert", .bool), Field("auto_promote", "AutoPromote", .bool),
    ])

    static let periodic = BlockSchema(
        [
            Field("enabled", "Enabled", .bool), Field("cron", "Spec", .string), Field("crons", "Specs", .strings),
            Field("prohibit_overlap", "ProhibitOverlap", .bool), Field("time_zone", "TimeZone", .string),
        ], adjust: { object, _ in object["SpecType"] = .string("cron") })

    static let parameterized = BlockSchema([
        Field("payload", "Payload", .string), Field("meta_required", "MetaRequired", .strings),
        Field("meta_optional", "MetaOptional", .strings),
    ])

    static let ui = BlockSchema([
        Field("description", "Description", .string),
        Field("link", "Links", .blocks(BlockSchema([Field("label", "Label", .string), Field("url", "Url", .string)]))),
    ])

    /// Stored, and refused at registration: an Enterprise feature there.
    static let multiregion = BlockSchema([
        Field(
            "strategy", "Strategy",
            .block(
                BlockSchema([Field("max_parallel", "MaxParallel", .int), Field("on_failure", "OnFailure", .string)]))),
        Field(
            "region", "Regions",
            .blocks(
                BlockSchema(
                    label: ("name", "Name"),
                    [
                        Field("count", "Count", .int), Field("datacenters", "Datacenters", .strings),
                        Field("node_pool", "NodePool", .string), Field("meta", "Meta", .stringMap),
                    ]))),
    ])

    static let scaling = BlockSchema([
        Field("min", "Min", .int), Field("max", "Max", .int), Field("policy", "Policy", .freeForm),
        Field("enabled", "Enabled", .bool), Field("type", "Type", .string),
    ])

    /// `scaling "cpu"` and `scaling "mem"` of a task.
    static let taskScaling = BlockSchema(
        label: ("cpu or mem", "Type"), scaling.fields,
        adjust: { object, reader in
            guard let label = reader.labels.first else { return }
            if label != "cpu", label != "mem" {
                reader.context.report(
                    "Invalid scaling policy", "The label of a task's scaling block is \"cpu\" or \"mem\".",
                    at: reader.range)
            }
            object["Type"] = .string("vertical_\(label)")
        })
}
