import Basics
import Glibc
import PluginHost
import PluginHostTestSupport
import Testing

import class TestSupport.DockerEngine

/// Pulls by a real dockerd from a registry of the test's own.
@Suite(
    "docker: pulls", .serialized, .enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)"),
    .enabled(if: DockerFixture.library != nil, "needs libdrover-driver-docker.so beside the tests"))
struct PullTests {
    private func with(_ body: @escaping @Sendable (DockerFixture, Registry) async throws -> Void) async throws {
        try await DockerFixture.run(config: [("gc", .object([("image_delay", .string("10ms"))]))]) { fixture in
            let registry = try Registry(
                root: fixture.engine.folder + "/box", folder: fixture.scratch.path + "/registry")
            try await registry.serve { try await body(fixture, registry) }
        }
    }

    private func task(
        _ id: String, _ fixture: DockerFixture, _ registry: Registry, password: String = "secret",
        more: [(String, JSON)] = []
    ) -> TaskSpec {
        let auth = JSON.object([("username", .string("me")), ("password", .string(password))])
        var spec = fixture.task(id, "exit 3", [("image", .string(registry.image)), ("auth", auth)] + more)
        spec.name = id
        return spec
    }

    @Test func tasksShareOnePullAndAreToldOfIt() async throws {
        try await with { fixture, registry in
            registry.hold(true)
            let events = fixture.host.driverEvents()
            async let first = fixture.run(task("t", fixture, registry))
            async let second = fixture.run(task("u", fixture, registry))
            var told: Set<String> = []
            for await event in events {
                guard case .task(_, let id, let message, _) = event, message.contains(registry.image) else { continue }
                told.insert(id)
                if told.count == 2 { break }
            }
            // Both wait for it by now, or are about to: what was asked for once is asked for once.
            try await eventually("the pull has begun") { registry.requests.contains { $0.contains("/blobs/") } }
            registry.hold(false)
            let exits = try await [first, second]
            #expect(exits == [TaskExit(code: 3), TaskExit(code: 3)])
            #expect(
                registry.requests.filter { $0.hasPrefix("GET /v2/box/manifests/") }.count == 1, "\(registry.requests)")
            let image = registry.image
            try await eventually("the image goes after its use") {
                fixture.engine.docker("image inspect \(image)") != 0
            }
        }
    }

    @Test func wrongCredentialsAreToldAsSuch() async throws {
        try await with { fixture, registry in
            let spec = task("t", fixture, registry, password: "wrong")
            let error = await pluginError { try await fixture.driver.start(spec) }
            let message = error?.message ?? ""
            #expect(error?.code == .denied && message.contains(registry.image), "\(message)")
            #expect(registry.requests.isEmpty)
        }
    }

    @Test func aPullThatDoesNotEndIsGivenUp() async throws {
        try await with { fixture, registry in
            registry.hold(true)
            let spec = task("t", fixture, registry, more: [("image_pull_timeout", .string("1s"))])
            let error = await pluginError { try await fixture.driver.start(spec) }
            #expect(error?.code == .retry && error?.message.contains("within 1 s") == true, "\(error?.message ?? "")")
        }
    }

    @Test func aCancelledStartEndsItsPull() async throws {
        try await with { fixture, registry in
            registry.hold(true)
            let spec = task("t", fixture, registry)
            let start = Task { try await fixture.driver.start(spec) }
            try await eventually("the pull has begun") { registry.requests.contains { $0.contains("/blobs/") } }
            start.cancel()
            _ = await start.result
            registry.hold(false)
            // The driver answers, and nothing has been started.
            #expect(try await fixture.driver.fingerprint().health == .healthy)
            #expect(fixture.engine.containers == [])
        }
    }
}
