package import HCL
package import Model

/// Where in a job file the tasks' `config` blocks stand, so that what a server says of them can be told with its line.
package struct ConfigPlaces: Sendable {
    let body: Body

    /// The key of the fault, or the innermost block around where it should be; nil when the file makes the task by other
    /// means, such as a `dynamic` block.
    package func range(of fault: ConfigurationFault) -> SourceRange? {
        guard let job = body.blocks.first(where: { $0.type == "job" }) else { return nil }
        let groups = job.body.blocks.filter { $0.type == "group" && $0.labels == [fault.group] }
        // A task outside of a group makes a group of its name.
        let scopes = groups.map(\.body) + (fault.group == fault.task ? [job.body] : [])
        let tasks = scopes.flatMap(\.blocks).filter { $0.type == "task" && $0.labels == [fault.task] }
        guard let task = tasks.first else { return nil }
        let steps = fault.key.split(separator: ".").map(Step.init)
        if let config = task.body.blocks.first(where: { $0.type == "config" }) {
            return ConfigPlaces.range(of: steps[...], in: config)
        }
        return task.body.attributes.first { $0.name == "config" }?.nameRange ?? task.headerRange
    }

    /// `mount[1]` is the second block `mount`, `mount` the first.
    private struct Step {
        let name: Substring
        let position: Int

        init(_ text: Substring) {
            let parts = text.split(separator: "[", maxSplits: 1)
            name = parts.first ?? text
            position = parts.count == 2 ? Int(parts[1].dropLast()) ?? 0 : 0
        }
    }

    private static func range(of steps: ArraySlice<Step>, in block: Block) -> SourceRange {
        guard let step = steps.first else { return block.headerRange }
        if let attribute = block.body.attributes.first(where: { $0.name == step.name }) { return attribute.nameRange }
        let inner = block.body.blocks.filter { $0.type == step.name }
        guard step.position < inner.count else { return block.headerRange }
        return range(of: steps.dropFirst(), in: inner[step.position])
    }
}
