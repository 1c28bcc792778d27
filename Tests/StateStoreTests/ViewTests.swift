import Basics
import Model
import Testing

@testable import StateStore

@Suite struct ViewTests {
    private func ids(_ page: ListPage) throws -> [String] {
        try JSONParser.parse(page.body).array?.compactMap { $0["ID"]?.string } ?? []
    }

    @Test(arguments: [false, true]) func pagesFollowEachOther(reverse: Bool) throws {
        var fixture = Fixture()
        _ = fixture.addNodes(2)
        fixture.register(fixture.job("web"))
        let plan = fixture.plan("web", count: 1000)
        fixture.apply(.plans([plan]))
        var request = ListRequest()
        request.perPage = 300
        request.reverse = reverse
        var seen: [String] = []
        var pages = 0
        repeat {
            let page = try fixture.snapshot.listAllocations(request)
            seen += try ids(page)
            request.nextToken = page.nextToken
            pages += 1
        } while !request.nextToken.isEmpty
        #expect(pages == 4)
        let sorted = plan.placements[0].ids.sorted().map(\.description)
        #expect(seen == (reverse ? sorted.reversed() : sorted))
    }

    @Test func prefixesAndFiltersNarrow() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.job("web"))
        let plan = fixture.plan("web", count: 500)
        fixture.apply(.plans([plan]))
        let chosen = plan.placements[0].ids[77].description
        var request = ListRequest()
        for length in [1, 5, 9, 14, 36] {
            request.prefix = String(chosen.prefix(length))
            let expected = plan.placements[0].ids.map(\.description).filter { $0.hasPrefix(request.prefix) }.sorted()
            #expect(try ids(fixture.snapshot.listAllocations(request)) == expected)
            #expect(fixture.snapshot.ids(.allocations, prefix: request.prefix, limit: 1000).count == expected.count)
        }
        request.prefix = "not hexadecimal"
        #expect(try ids(fixture.snapshot.listAllocations(request)).isEmpty)
        request.prefix = ""
        request.perPage = 2
        request.filter = { $0["Name"]?.string?.hasSuffix("7]") == true }
        let page = try fixture.snapshot.listAllocations(request)
        #expect(try ids(page).count == 2)
        #expect(!page.nextToken.isEmpty)
    }

    @Test func stubsHaveTheirFields() throws {
        var fixture = Fixture()
        let node = try #require(fixture.addNodes(1).first)
        fixture.register(fixture.job("we\"b"))
        let plan = fixture.plan("we\"b", count: 1)
        fixture.apply(.plans([plan]))
        fixture.send([fixture.report(plan.placements[0].ids[0], .running)])
        let snapshot = fixture.snapshot
        let allocation = try #require(JSONParser.parse(snapshot.listAllocations(ListRequest()).body).array?.first)
        #expect(allocation["Name"]?.string == "we\"b.web[0]")
        #expect(allocation["TaskStates"]?["main"]?["Events"]?.array?.count == 3)
        #expect(allocation["AllocatedResources"]?.isNull == true)
        let job = try #require(JSONParser.parse(snapshot.listJobs(ListRequest()).body).array?.first)
        #expect(job["JobSummary"]?["Summary"]?["web"]?["Running"]?.integer == 1)
        #expect(job["Status"]?.string == "running")
        let stub = try #require(JSONParser.parse(snapshot.listNodes(ListRequest()).body).array?.first)
        #expect(stub["Name"]?.string == "n0")
        #expect(try #require(snapshot.nodeView(node).map { try JSONParser.parse($0) })["SecretID"]?.string == "")
    }

    @Test func jobsAreListedByNamespaceAndPrefix() throws {
        var fixture = Fixture()
        var other = Namespace()
        other.name = "other"
        fixture.apply(.namespaceUpsert(other))
        for number in 0..<150 { fixture.register(fixture.job("job-\(number)")) }
        var foreign = fixture.job("job-1")
        foreign.namespace = "other"
        fixture.register(foreign)
        var request = ListRequest()
        request.prefix = "job-1"
        #expect(try ids(fixture.snapshot.listJobs(request)).count == 61)
        request.namespace = "*"
        #expect(try ids(fixture.snapshot.listJobs(request)).count == 62)
        request.namespace = "other"
        #expect(try ids(fixture.snapshot.listJobs(request)) == ["job-1"])
        #expect(fixture.apply(.namespaceDelete(name: "other")).refusal?.kind == .invalid)
        #expect(fixture.apply(.namespaceDelete(name: "default")).refusal?.kind == .invalid)
    }
}
