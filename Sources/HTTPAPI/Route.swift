internal import HTTPTypes
package import RPC

/// One line of the API: method, path, what the caller must be allowed to do, and the answer.
package struct Route: Sendable {
    package let method: Method
    package let pattern: PathPattern
    /// Checked before the handler runs. A call the handler makes is checked again where it is answered.
    package let capability: Capability
    /// Whether web pages of other origins may use it (SURFACE §1.1, CORS).
    var admitsOtherOrigins = false
    let handler: Handler

    typealias Handler = @Sendable (APIRequest, Endpoints) async throws -> APIResponse

    /// PUT and POST are one: Nomad's API takes either for writes.
    package enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case write = "PUT"
        case delete = "DELETE"

        init?(_ method: HTTPRequest.Method) {
            switch method {
            case .get: self = .get
            case .put, .post: self = .write
            case .delete: self = .delete
            default: return nil
            }
        }
    }

    init(_ method: Method, _ pattern: String, _ capability: Capability, _ handler: @escaping Handler) {
        self.method = method
        self.pattern = PathPattern(pattern)
        self.capability = capability
        self.handler = handler
    }

    /// The route, open to web pages of other origins.
    func admittingOtherOrigins() -> Route {
        var route = self
        route.admitsOtherOrigins = true
        return route
    }
}

/// A path with holes: `:name` is one segment, `:name*` one or more, as ids may contain slashes. At most one hole of
/// each kind.
package struct PathPattern: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    private let segments: [Substring]
    /// How many segments are literal: of several matching patterns the one with most counts.
    let literals: Int

    init(_ text: String) {
        description = text
        segments = text.split(separator: "/").map { Substring(String($0)) }
        literals = segments.count { $0.first != ":" }
    }

    /// The second segment, when every path that matches has it: what the API's paths differ by.
    var topic: Substring? { segments.prefix(2).contains { $0.first == ":" } ? nil : segments.dropFirst().first }

    /// The holes' values, percent-decoded, or nil when the path does not match.
    func match(_ path: [Substring]) -> [String: String]? {
        guard let hole = segments.firstIndex(where: { $0.last == "*" }) else {
            return path.count == segments.count ? match(segments[...], path[...]) : nil
        }
        let after = segments.count - hole - 1
        guard path.count > hole + after else { return nil }
        guard var values = match(segments[..<hole], path[..<hole]),
            let rest = match(segments[(hole + 1)...], path[(path.count - after)...])
        else { return nil }
        values.merge(rest) { first, _ in first }
        let middle = path[hole..<(path.count - after)].joined(separator: "/")
        values[String(segments[hole].dropFirst().dropLast())] = Percent.decode(middle, plusIsSpace: false)
        return values
    }

    private func match(_ pattern: ArraySlice<Substring>, _ path: ArraySlice<Substring>) -> [String: String]? {
        var values: [String: String] = [:]
        for (wanted, given) in zip(pattern, path) {
            if wanted.first == ":" {
                guard !given.isEmpty else { return nil }
                values[String(wanted.dropFirst())] = Percent.decode(given, plusIsSpace: false)
            } else if wanted != given {
                return nil
            }
        }
        return values
    }
}
