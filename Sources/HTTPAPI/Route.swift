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
    /// Whether the caller may show its token in the first message of the WebSocket that the route becomes, instead of a header
    /// (`ws_handshake`); then the handler checks what the caller may do.
    var takesTokenFromSocket = false
    /// Whether it asks the client of the allocation ":id", in whose namespace the capability counts.
    let isAboutAllocation: Bool
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
        isAboutAllocation = ["/v1/client/fs/", "/v1/client/allocation/"].contains(where: pattern.hasPrefix)
    }

    /// The route, with tokens from its WebSocket.
    func takingTokenFromSocket() -> Route {
        var route = self
        route.takesTokenFromSocket = true
        return route
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
    private let segments: [Segment]
    /// How many segments are literal: of several matching patterns the one with most counts.
    let literals: Int
    /// Where the hole for several segments is.
    private let wideHole: Int?

    private enum Segment: Hashable {
        case literal(Substring)
        case hole(String)
    }

    init(_ text: String) {
        description = text
        let words = text.split(separator: "/")
        wideHole = words.firstIndex { $0.last == "*" }
        segments = words.map { word in
            word.first == ":" ? .hole(word.dropFirst().filter { $0 != "*" }) : .literal(Substring(String(word)))
        }
        literals = segments.count { if case .literal = $0 { true } else { false } }
    }

    /// The second segment, when every path that matches has it: what the API's paths differ by.
    var topic: Substring? {
        guard segments.count > 1, case .literal = segments[0], case .literal(let topic) = segments[1] else {
            return nil
        }
        return topic
    }

    func matches(_ path: [Substring]) -> Bool {
        guard let hole = wideHole else {
            return path.count == segments.count && Self.match(segments[...], path[...])
        }
        let after = segments.count - hole - 1
        return path.count > hole + after && Self.match(segments[..<hole], path[..<hole])
            && Self.match(segments[(hole + 1)...], path[(path.count - after)...])
    }

    private static func match(_ pattern: ArraySlice<Segment>, _ path: ArraySlice<Substring>) -> Bool {
        zip(pattern, path).allSatisfy { wanted, given in
            switch wanted {
            case .literal(let text): text == given
            case .hole: !given.isEmpty
            }
        }
    }

    /// The holes' values, percent-decoded, in a path that ``matches(_:)``.
    func values(in path: [Substring]) -> [String: String] {
        var values: [String: String] = [:]
        let widening = path.count - segments.count
        for (position, segment) in segments.enumerated() {
            guard case .hole(let name) = segment else { continue }
            if position == wideHole {
                let middle = path[position...(position + widening)].joined(separator: "/")
                values[name] = Percent.decode(middle, plusIsSpace: false)
            } else {
                let given = path[position + (position > wideHole ?? position ? widening : 0)]
                values[name] = Percent.decode(given, plusIsSpace: false)
            }
        }
        return values
    }
}
