internal import HTTPTypes

/// All routes, and the way from a path to one of them.
package struct RouteTable: Sendable {
    package let routes: [Route]
    /// By their paths' topic, and those without one.
    private let byTopic: [Substring: [Route]]
    private let others: [Route]

    package init(routes: [Route]) {
        self.routes = routes
        var byTopic: [Substring: [Route]] = [:]
        for route in routes { if let topic = route.pattern.topic { byTopic[topic, default: []].append(route) } }
        self.byTopic = byTopic
        others = routes.filter { $0.pattern.topic == nil }
    }

    /// The whole API.
    package static let standard = RouteTable(
        routes: Route.jobs + Route.nodes + Route.allocations + Route.evaluations + Route.clients + Route.agent
            + Route.pool + Route.operators + Route.namespaces + Route.nodePools)

    enum Lookup {
        case found(Route, parameters: [String: String])
        case wrongMethod
        case unknown
    }

    func find(_ method: HTTPRequest.Method, path: Substring) -> Lookup {
        // One leading slash; a trailing one is kept off, as `/v1/jobs/` means `/v1/jobs`.
        var segments = path.split(separator: "/", omittingEmptySubsequences: false)
        if segments.first?.isEmpty == true { segments.removeFirst() }
        if segments.last?.isEmpty == true { segments.removeLast() }
        var best: (literals: Int, candidates: [(Route, [String: String])]) = (-1, [])
        let topic = segments.count > 1 ? byTopic[segments[1]] ?? [] : []
        for route in topic + others {
            let literals = route.pattern.literals
            guard literals >= best.literals, let values = route.pattern.match(segments) else { continue }
            if literals > best.literals { best = (literals, []) }
            best.candidates.append((route, values))
        }
        guard !best.candidates.isEmpty else { return .unknown }
        let wanted = Route.Method(method)
        guard let (route, values) = best.candidates.first(where: { $0.0.method == wanted }) else { return .wrongMethod }
        return .found(route, parameters: values)
    }
}
