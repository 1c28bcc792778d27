/// Reads the CSV files of the "openb" GPU cluster traces: nodes `sn,cpu_milli,memory_mib,gpu,model`, and tasks
/// `name,cpu_milli,memory_mib,num_gpu,gpu_milli` with, in most of them, `gpu_spec` and columns that play no part here.
///
/// Columns are found by the names in the first line. No field is quoted in these files, and a quote is refused.
package enum OpenBReader {
    /// - Throws: ``TraceError`` with file and line.
    package static func trace(
        nodes: [UInt8], nodesFile: String, tasks: [UInt8], tasksFile: String
    ) throws(TraceError) -> Trace {
        var trace = Trace()
        var table = try CSVTable(nodes, file: nodesFile)
        while try table.next() { trace.add(try node(table, trace.nodes.count)) }
        table = try CSVTable(tasks, file: tasksFile)
        while try table.next() {
            trace.add(name: try table.text("name"), try shape(table))
            guard trace.tasks.count <= TraceLimits.tasksMax, trace.shapes.count <= TraceLimits.shapesMax else {
                throw table.error("more than \(TraceLimits.tasksMax) tasks or \(TraceLimits.shapesMax) kinds of them")
            }
        }
        guard !trace.nodes.isEmpty else { throw TraceError("\(nodesFile): no nodes") }
        guard !trace.tasks.isEmpty else { throw TraceError("\(tasksFile): no tasks") }
        return trace
    }

    private static func node(_ table: CSVTable, _ count: Int) throws(TraceError) -> Trace.Node {
        guard count < TraceLimits.nodesMax else { throw table.error("more than \(TraceLimits.nodesMax) nodes") }
        return Trace.Node(
            name: try table.text("sn"), cpu: try table.amount("cpu_milli"),
            memoryMiB: try table.amount("memory_mib"),
            deviceCount: Int(try table.amount("gpu", most: Int64(TraceLimits.devicesMax))),
            deviceModel: try table.text("model"))
    }

    private static func shape(_ table: CSVTable) throws(TraceError) -> Trace.Shape {
        let count = Int(try table.amount("num_gpu", most: Int64(TraceLimits.devicesMax)))
        let share = Int(try table.amount("gpu_milli", most: 1_000))
        guard count == 0 || share > 0 else { throw table.error("num_gpu is \(count) and gpu_milli 0") }
        let models = table.has("gpu_spec") ? try table.text("gpu_spec").split(separator: "|").map(String.init) : []
        return Trace.Shape(
            cpu: try table.amount("cpu_milli"), memoryMiB: try table.amount("memory_mib"), deviceCount: count,
            // Of several devices a task has all of each.
            deviceShare: count == 0 ? 0 : count == 1 ? share : 1_000,
            models: count == 0 ? [] : Set(models).sorted())
    }
}

/// A CSV file without quotes: a line of names, then lines of as many fields.
struct CSVTable {
    private var lines: TraceLines
    private var columns: [String: Int] = [:]
    private var fields: [ArraySlice<UInt8>] = []

    init(_ bytes: [UInt8], file: String) throws(TraceError) {
        lines = TraceLines(bytes, file: file)
        guard let head = try lines.next() else { throw TraceError("\(file): empty; its first line names the columns") }
        for (number, field) in Self.split(head).enumerated() {
            guard columns.updateValue(number, forKey: String(decoding: field, as: UTF8.self)) == nil else {
                throw lines.error("two columns have one name")
            }
        }
    }

    /// Goes to the next line; false after the last.
    mutating func next() throws(TraceError) -> Bool {
        guard let line = try lines.next() else { return false }
        guard !line.contains(UInt8(ascii: "\"")) else { throw lines.error("quoted fields are not read") }
        fields = Self.split(line)
        guard fields.count == columns.count else {
            throw lines.error("\(fields.count) fields under \(columns.count) columns")
        }
        return true
    }

    func has(_ column: String) -> Bool { columns[column] != nil }

    func text(_ column: String) throws(TraceError) -> String {
        guard let number = columns[column] else { throw lines.error("there is no column \"\(column)\"") }
        guard let text = String(validating: fields[number], as: UTF8.self) else {
            throw lines.error("\(column) is not UTF-8")
        }
        return text
    }

    /// A whole number from 0 to `most`.
    func amount(_ column: String, most: Int64 = TraceLimits.amountMax) throws(TraceError) -> Int64 {
        let text = try text(column)
        guard let amount = Int64(text), (0...most).contains(amount) else {
            throw lines.error("\(column) is \"\(text)\", not a whole number from 0 to \(most)")
        }
        return amount
    }

    func error(_ problem: String) -> TraceError { lines.error(problem) }

    private static func split(_ line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    }
}
