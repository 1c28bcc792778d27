internal import Basics

/// Reads Drover's own traces: a JSON object a line, each with one member, in any order.
///
/// ```
/// {"node":{"name":"n1","cpu":64000,"memory":262144,"devices":{"count":8,"model":"A10"}}}
/// {"task":{"name":"t1","cpu":4000,"memory":8192,"devices":{"count":1,"share":500,"models":["A10","T4"]},
///          "arrival":0,"departure":3600}}
/// ```
///
/// (Here over two lines to fit.) `cpu` is in thousandths of a core, `memory` in MiB, moments in seconds. A node has no
/// devices unless it says so; a task asks for none, and its devices are whole ones of any model, unless it says so. A task
/// without `arrival` is there from the beginning, one without `departure` stays. Unknown members are refused.
package enum TraceReader {
    /// - Throws: ``TraceError`` with file and line.
    package static func trace(_ bytes: [UInt8], file: String) throws(TraceError) -> Trace {
        var trace = Trace()
        var lines = TraceLines(bytes, file: file)
        while let line = try lines.next() {
            let record = TraceRecord(value: try parsed(line, lines), what: "line", lines: lines)
            try record.allow(["node", "task"])
            if let node = record.member("node") { try add(node, to: &trace) }
            if let task = record.member("task") { try add(task, to: &trace) }
        }
        guard !trace.nodes.isEmpty, !trace.tasks.isEmpty else {
            throw TraceError("\(file): \(trace.nodes.count) nodes and \(trace.tasks.count) tasks; both are needed")
        }
        return trace
    }

    private static func parsed(_ line: ArraySlice<UInt8>, _ lines: TraceLines) throws(TraceError) -> JSON {
        do throws(JSONError) {
            return try JSONParser.parse(line)
        } catch {
            throw lines.error("column \(error.column): \(error.message)")
        }
    }

    private static func add(_ record: TraceRecord, to trace: inout Trace) throws(TraceError) {
        record.what == "node" ? try addNode(record, to: &trace) : try addTask(record, to: &trace)
    }

    private static func addNode(_ record: TraceRecord, to trace: inout Trace) throws(TraceError) {
        try record.allow(["name", "cpu", "memory", "devices"])
        let devices = record.member("devices")
        try devices?.allow(["count", "model"])
        guard trace.nodes.count < TraceLimits.nodesMax else {
            throw record.error("more than \(TraceLimits.nodesMax) nodes")
        }
        trace.add(
            Trace.Node(
                name: try record.text("name"), cpu: try record.amount("cpu"), memoryMiB: try record.amount("memory"),
                deviceCount: Int(try devices?.amount("count", most: Int64(TraceLimits.devicesMax)) ?? 0),
                deviceModel: try devices?.text("model") ?? ""))
    }

    private static func addTask(_ record: TraceRecord, to trace: inout Trace) throws(TraceError) {
        try record.allow(["name", "cpu", "memory", "devices", "arrival", "departure"])
        let devices = record.member("devices")
        try devices?.allow(["count", "share", "models"])
        let count = Int(try devices?.amount("count", most: Int64(TraceLimits.devicesMax)) ?? 0)
        let share = Int(try devices?.amount("share", most: 1_000, absent: 1_000) ?? 0)
        guard count == 0 || share > 0 else { throw record.error("a share of 0") }
        let arrival = try record.amount("arrival", absent: 0)
        let departure = record.has("departure") ? try record.amount("departure") : nil
        guard departure ?? .max > arrival else { throw record.error("it departs before it arrives") }
        trace.add(
            name: try record.text("name"),
            Trace.Shape(
                cpu: try record.amount("cpu"), memoryMiB: try record.amount("memory"), deviceCount: count,
                deviceShare: count == 0 ? 0 : share,
                models: count == 0 ? [] : Set(try devices?.texts("models") ?? []).sorted()),
            arrival: arrival, departure: departure)
        guard trace.tasks.count <= TraceLimits.tasksMax, trace.shapes.count <= TraceLimits.shapesMax else {
            throw record.error("more than \(TraceLimits.tasksMax) tasks or \(TraceLimits.shapesMax) kinds of them")
        }
    }
}

/// A JSON object of a line, read with messages that name it.
private struct TraceRecord {
    let value: JSON
    let what: String
    let lines: TraceLines

    func error(_ problem: String) -> TraceError { lines.error("\(what): \(problem)") }

    func has(_ key: String) -> Bool { value[key] != nil }

    /// Refuses other members than these, and what is no object.
    func allow(_ keys: [String]) throws(TraceError) {
        guard let object = value.object, !object.isEmpty else { throw error("expected an object of \(keys)") }
        if let odd = object.keys.first(where: { !keys.contains($0) }) { throw error("unknown member \"\(odd)\"") }
    }

    func member(_ key: String) -> TraceRecord? {
        value[key].map { TraceRecord(value: $0, what: key, lines: lines) }
    }

    func text(_ key: String) throws(TraceError) -> String {
        guard let text = value[key]?.string else { throw error("\(key) is missing or no string") }
        return text
    }

    func texts(_ key: String) throws(TraceError) -> [String] {
        guard has(key) else { return [] }
        let texts = value[key]?.array?.compactMap(\.string) ?? []
        guard !texts.isEmpty, texts.count == value[key]?.array?.count else {
            throw error("\(key) is no list of strings")
        }
        return texts
    }

    /// A whole number from 0 to `most`.
    func amount(
        _ key: String, most: Int64 = TraceLimits.amountMax, absent: Int64? = nil
    ) throws(TraceError) -> Int64 {
        if let absent, !has(key) { return absent }
        guard let amount = value[key]?.integer, (0...most).contains(amount) else {
            throw error("\(key) is missing or no whole number from 0 to \(most)")
        }
        return amount
    }
}
