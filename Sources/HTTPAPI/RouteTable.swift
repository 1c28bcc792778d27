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
        routes: Route.jobs + Route.nodes + Route.allocations + Route.evaluations + Route.clients + Route.commands
            + Route.agent
            + Route.pool + Route.operators + Route.snapshots + Route.namespaces + Route.nodePools + Route.variables
            + Route.rootKeys)

    /// The methods that pages of other origins may use at a path, such as `GET, PUT, DELETE`; nil when they may not at all.
    func methodsForOthers(at path: Substring) -> String? {
        var methods: [String] = []
        for (method, request) in [(Route.Method.get, HTTPRequest.Method.get), (.write, .put), (.delete, .delete)] {
            guard case .found(let route, _) = find(request, path: path), route.admitsOtherOrigins else { continue }
            methods.append(method.rawValue)
        }
        return methods.isEmpty ? nil : methods.joined(separator: ", ")
    }

    enum Lookup {
        case found(Route, parameters: [String: String])
        case wrongMethod
        case unknown
    }

    func find(_ method: HTTPRequest.Method, path: Substring) -> Lookup {
        // One leading slash; a trailing one is kept off, as `/v1/jobs/` means `/v1/jobs`.
        var segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(
            Substring.init)
        if segments.first?.isEmpty == true { segments.removeFirst() }
        if segments.last?.isEmpty == true { segments.removeLast() }
        let wanted = Route.Method(method)
        var literals = -1
        var found: Route?
        func look(at routes: [Route]) {
            for route in routes where route.pattern.literals >= literals && route.pattern.matches(segments) {
                if route.pattern.literals > literals { (literals, found) = (route.pattern.literals, nil) }
                if found == nil, route.method == wanted { found = route }
            }
        }
        if segments.count > 1, let topic = byTopic[segments[1]] { look(at: topic) }
        look(at: others)
        guard literals >= 0 else { return .unknown }
        guard let found else { return .wrongMethod }
        return .found(found, parameters: found.pattern.values(in: segments))
    }
}
