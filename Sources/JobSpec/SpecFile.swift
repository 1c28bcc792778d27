import Basics
package import HCL
package import Model

/// The small files beside job files: what a quota, a namespace, a node pool or a variable is to be, written in HCL2.
package enum SpecFile {
    /// `name = "small"` and a `limit` block a region.
    package static func quota(_ source: [UInt8], file: String) throws(Diagnostics) -> QuotaSpec {
        try read(source, file: file, .quota, title: "a quota file")
    }

    /// `name`, `description`, `quota` and `meta`.
    package static func namespace(_ source: [UInt8], file: String) throws(Diagnostics) -> Namespace {
        try read(source, file: file, .namespace, title: "a namespace file")
    }

    /// One block `node_pool "name" { … }`.
    package static func nodePool(_ source: [UInt8], file: String) throws(Diagnostics) -> NodePool {
        let pools: NodePoolFile = try read(source, file: file, .nodePoolFile, title: "a node pool file")
        guard let pool = pools.pools.first, pools.pools.count == 1 else {
            throw Diagnostics([
                Diagnostic(
                    "Missing node_pool block",
                    "A node pool file holds exactly one block node_pool \"name\" { … }, but \(file) has "
                        + "\(pools.pools.count).", at: nil)
            ])
        }
        return pool
    }

    /// `path`, `namespace` and `items`, and the indexes and times that `var get` shows.
    package static func variable(_ source: [UInt8], file: String) throws(Diagnostics) -> Variable {
        try read(source, file: file, .variable, title: "a variable's file")
    }

    private static func read<Kind: Document>(
        _ source: [UInt8], file: String, _ schema: BlockSchema, title: String
    ) throws(Diagnostics) -> Kind {
        let body: Body
        do throws(Diagnostic) {
            body = try Parser.parse(SourceFile(name: file, bytes: source), limits: Limits())
        } catch {
            throw Diagnostics([error])
        }
        let evaluator = Evaluator(functions: .standard, limits: Limits())
        let context = ReadingContext(evaluator: evaluator, dialect: .native)
        let object = schema.read(BodyReader(body, title: title, context: context))
        try context.throwErrors()
        do throws(DocumentError) {
            return try Kind(json: .object(object))
        } catch {
            throw Diagnostics([Diagnostic("Invalid file", error.description, at: body.range)])
        }
    }
}

/// What a node pool file holds.
private struct NodePoolFile: Document {
    var pools: [NodePool] = []

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodePools", &pools)
    }
}
