import Basics
package import HCL
package import Model

/// The small files beside job files: what a quota or a namespace is to be, written in HCL2.
package enum SpecFile {
    /// `name = "small"` and a `limit` block a region.
    package static func quota(_ source: [UInt8], file: String) throws(Diagnostics) -> QuotaSpec {
        try read(source, file: file, .quota, title: "a quota file")
    }

    /// `name`, `description`, `quota` and `meta`.
    package static func namespace(_ source: [UInt8], file: String) throws(Diagnostics) -> Namespace {
        try read(source, file: file, .namespace, title: "a namespace file")
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
