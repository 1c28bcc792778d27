/// What a user gives beside a job file to fill its variables.
///
/// Precedence, lowest first: the default in the job file, `NOMAD_VAR_name` in the environment, variable files in
/// order, `-var` flags in order (Nomad docs: input variables).
package struct JobInputs: Sendable {
    /// A variable file: its name for messages, its text. A name that ends in `.json` is read as JSON.
    package struct File: Sendable {
        package var name: String
        package var text: [UInt8]

        package init(name: String, text: [UInt8]) {
            self.name = name
            self.text = text
        }
    }

    package var files: [File] = []
    /// `-var name=value` in order.
    package var flags: [(name: String, value: String)] = []
    /// The whole environment; names other than `DROVER_VAR_…` and `NOMAD_VAR_…` are ignored.
    package var environment: [String: String] = [:]
    /// Whether a variable file may set variables that the job file does not declare: a warning, else an error
    /// (`-hcl2-strict`, true by default).
    package var isStrict = true

    package init() {}
}
