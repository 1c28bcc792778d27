package import Basics

/// How to list a table (SURFACE §1.1, lists).
package struct ListRequest: Sendable {
    /// Pages hold at most this many objects, whatever is asked.
    package static let perPageMax = 100_000

    /// A namespace's name, or `*` for all.
    package var namespace = "default"
    /// Of ids.
    package var prefix = ""
    /// Objects a page; 0 lists all.
    package var perPage = 0
    /// Where to go on, as the page before said.
    package var nextToken = ""
    package var reverse = false
    /// Keeps the objects it accepts; sees them as they are listed.
    package var filter: (@Sendable (JSON) throws -> Bool)?
    package var options: [String: String] = [:]
    /// Only nodes or jobs of this pool; `all` is every node.
    package var nodePool: String?

    package init() {}

    func isOn(_ option: String) -> Bool { options[option] == "true" || options[option] == "" }

    func includes(namespace name: String) -> Bool { namespace == "*" || namespace == name }
}

/// A page of a list as JSON.
package struct ListPage: Sendable, Equatable {
    package var body: [UInt8]
    /// Empty on the last page.
    package var nextToken: String

    package init(body: [UInt8], nextToken: String = "") {
        self.body = body
        self.nextToken = nextToken
    }
}

/// Gathers a page: objects are offered in order, the collector filters, counts and stops.
struct PageCollector {
    private let request: ListRequest
    private(set) var writer = JSONWriter(capacity: 4096)
    private var count = 0
    private(set) var nextToken = ""

    init(_ request: ListRequest) {
        self.request = request
        writer.beginArray()
    }

    /// Offers the next object, with the token of the page that starts with it; false when this page is full.
    mutating func offer(token: @autoclosure () -> String, _ write: (inout JSONWriter) -> Void) throws -> Bool {
        let limit = request.perPage > 0 ? min(request.perPage, ListRequest.perPageMax) : Int.max
        guard let filter = request.filter else {
            guard count < limit else {
                nextToken = token()
                return false
            }
            write(&writer)
            count += 1
            return true
        }
        var object = JSONWriter()
        write(&object)
        guard try filter(JSONParser.parse(object.bytes)) else { return true }
        guard count < limit else {
            nextToken = token()
            return false
        }
        writer.raw(object.bytes)
        count += 1
        return true
    }

    mutating func finish() -> ListPage {
        writer.endArray()
        return ListPage(body: writer.bytes, nextToken: nextToken)
    }
}

/// A range of ids given by the start of their text.
struct IDPrefix {
    let low: ID
    let high: ID

    /// Nil when no id starts so.
    init?(_ prefix: String) {
        let template = Array("00000000-0000-0000-0000-000000000000".utf8)
        let bytes = Array(prefix.utf8)
        guard bytes.count <= template.count else { return nil }
        var low = template
        var high = Array("ffffffff-ffff-ffff-ffff-ffffffffffff".utf8)
        for (position, byte) in bytes.enumerated() {
            let isDash = template[position] == UInt8(ascii: "-")
            guard isDash ? byte == UInt8(ascii: "-") : Hex.value(byte) != nil else { return nil }
            (low[position], high[position]) = (byte, byte)
        }
        guard let first = ID(String(decoding: low, as: UTF8.self)), let last = ID(String(decoding: high, as: UTF8.self))
        else { return nil }
        (self.low, self.high) = (first, last)
    }
}

extension JSONWriter {
    mutating func field(_ name: StaticString, _ text: String) {
        key(name)
        string(text)
    }

    mutating func field(_ name: StaticString, _ id: ID) {
        key(name)
        self.id(id)
    }

    mutating func field(_ name: StaticString, _ number: some BinaryInteger) {
        key(name)
        integer(number)
    }

    mutating func field(_ name: StaticString, _ flag: Bool) {
        key(name)
        bool(flag)
    }

    mutating func field(_ name: StaticString, _ value: (some JSONForm)?) {
        key(name)
        if let value { value.write(to: &self) } else { null() }
    }
}
