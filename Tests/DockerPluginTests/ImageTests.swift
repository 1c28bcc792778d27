import DroverSDK
import Glibc
import PluginHostTestSupport
import PluginSupport
import Testing

@testable import DockerPlugin

/// Names of images, and who registries are asked as.
@Suite("docker: images")
struct ImageTests {
    @Test(arguments: [
        ("redis", "redis:latest", ImageName.hub, true), ("redis:7", "redis:7", ImageName.hub, false),
        ("https://reg.io/a/b:1", "reg.io/a/b:1", "reg.io", false),
        ("host:5000/a", "host:5000/a:latest", "host:5000", true),
        ("localhost/a@sha256:00", "localhost/a@sha256:00", "localhost", false),
        ("reg.io/a:1@sha256:00", "reg.io/a@sha256:00", "reg.io", false),
        ("docker.io/library/x:2", "docker.io/library/x:2", ImageName.hub, false),
        ("team/app", "team/app:latest", ImageName.hub, true),
    ])
    func names(text: String, reference: String, registry: String, isMoving: Bool) throws {
        let image = try ImageName(text)
        #expect(image.reference == reference && image.registry == registry && image.isMoving == isMoving)
    }

    @Test(arguments: ["", ":1", "a b", "/x", "a:", "a@", "a\n"])
    func whatIsNoNameIsRefused(text: String) {
        #expect(throws: PluginError.self) { try ImageName(text) }
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("\u{0}\u{7f}~?>", "AH9+Pz4="),
    ])
    func base64(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(text.utf8))
        #expect(Base64.decode("a*b=") == nil)
    }

    @Test func theHeaderIsForURLs() {
        let header = RegistryCredentials(username: "u", password: "??>>~~", server: "s").header
        #expect(!header.contains("+") && !header.contains("/"))
        let text = String(decoding: Base64.decode(header) ?? [], as: UTF8.self)
        #expect(text == #"{"password":"??>>~~","serveraddress":"s","username":"u"}"#)
    }

    /// Runs `body` with a folder of files, in PATH too: helpers are programs.
    private func with(_ files: [String: String], _ body: (String) async throws -> Void) async throws {
        let folder = PluginBuilder.makeFolder("registry")
        defer { _ = system("rm -rf \(folder)") }
        for (name, text) in files {
            let file = try #require(fopen("\(folder)/\(name)", "w"))
            fputs(text, file)
            fclose(file)
            chmod("\(folder)/\(name)", 0o755)
        }
        let path = String(cString: getenv("PATH"))
        setenv("PATH", "\(folder):\(path)", 1)
        defer { setenv("PATH", path, 1) }
        try await body(folder)
    }

    private func ask(_ settings: JSON, image: String, task: JSON? = nil) async throws -> RegistryCredentials? {
        let loop = EventLoop()
        defer { loop.stop() }
        return try await RegistrySettings(settings).credentials(
            for: try ImageName(image), task: task, on: loop, clock: RealClock.clock)
    }

    @Test func credentialsComeFromTaskFileAndHelper() async throws {
        let config = """
            {"auths":{"reg.io":{"auth":"dTpwOng="},"https://index.docker.io/v1/":{"identitytoken":"tok"}},
             "credHelpers":{"gcr.io":"test"}}
            """
        let helper = """
            #!/bin/sh
            read server
            [ "$1" = get ] || exit 9
            case "$server" in
              gcr.io) echo '{"ServerURL":"gcr.io","Username":"<token>","Secret":"t"}';;
              ecr.io) echo '{"ServerURL":"ecr.io","Username":"AWS","Secret":"s"}';;
              none.io) echo 'credentials not found in native keychain'; exit 1;;
              *) echo 'broken'; exit 2;;
            esac
            """
        try await with(["config.json": config, "docker-credential-test": helper]) { folder in
            let file: JSON = ["config": .string(folder + "/config.json"), "helper": "test"]
            let own: JSON = ["username": "me", "password": "pw"]
            #expect(try await ask(file, image: "reg.io/a", task: own)?.username == "me")
            let stored = try await ask(file, image: "reg.io/a")
            #expect(stored?.username == "u" && stored?.password == "p:x" && stored?.server == "reg.io")
            #expect(try await ask(file, image: "redis")?.token == "tok")
            #expect(try await ask(file, image: "gcr.io/a")?.token == "t")
            #expect(try await ask(file, image: "ecr.io/a")?.username == "AWS")
            #expect(try await ask(file, image: "none.io/a") == nil)
            await #expect(throws: PluginError.self) { _ = try await ask(file, image: "bad.io/a") }
            await #expect(throws: PluginError.self) { _ = try await ask(["config": "/no/file"], image: "a") }
            await #expect(throws: PluginError.self) { _ = try await ask(["helper": "absent"], image: "a") }
            #expect(try await ask(.object([:]), image: "a") == nil)
        }
    }

    /// Whatever a helper does, it does not hold the plug-in's thread, and ends with its time.
    @Test(arguments: [
        (script: "exec >&-; exec sleep 600", word: "within 1 s"), ("sleep 600 & wait", "within 1 s"),
        ("while :; do echo 0123456789012345678901234567890123456789; done", "more than"),
    ])
    func aHelperThatDoesNotEndIsKilled(script: String, word: String) async throws {
        try await with(["docker-credential-slow": "#!/bin/sh\necho $$ >$(dirname $0)/pid\n\(script)\n"]) { folder in
            let loop = EventLoop()
            defer { loop.stop() }
            let asked = Task {
                try await CredentialHelper(name: "slow", secondsMax: 1).ask(
                    "r.io", on: loop, clock: RealClock.clock)
            }
            try await eventually("it runs") { (SmallFile.readLine(folder + "/pid") ?? "").isEmpty == false }
            // The thread is free meanwhile.
            await Task(executorPreference: loop) {}.value
            let error = await #expect(throws: PluginError.self) { _ = try await asked.value }
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            let group = try #require(pid_t(SmallFile.readLine(folder + "/pid") ?? ""))
            try await eventually("all of it has gone") { kill(-group, 0) != 0 }
        }
    }

    @Test func progressIsToldNowAndThen() throws {
        var progress = PullProgress(now: 0)
        let line: JSON = [
            "id": "l1", "status": "Downloading", "progressDetail": ["current": 5_242_880, "total": 10_485_760],
        ]
        #expect(progress.step(line, now: 1) == nil)
        let later = PullProgress.periodNanoseconds + 1
        #expect(progress.step(["id": "l2", "status": "Pull complete"], now: later) == "5 of 10 MiB in 1 layers")
        #expect(progress.step(line, now: later + 1) == nil)
    }

    @Test(arguments: [
        ("manifest for x:1 not found: manifest unknown", PluginError.Code.notFound),
        ("unauthorized: authentication required", .denied),
        ("net/http: TLS handshake timeout", .retry),
    ])
    func failuresOfPullsAreOfTheRightKind(message: String, code: PluginError.Code) {
        #expect(PullProgress.failure("cannot pull", message).code == code)
    }

    @Test func sharedWorkIsDoneOnceAndEndsWithItsLastWaiter() async throws {
        let loop = EventLoop()
        let work = SharedWork<String>(on: loop)
        let counter = Counter()
        let first = Task { try await work.join("k", as: "a") { try await counter.hold() } }
        try await eventually("it has begun") { counter.begun == 1 }
        let second = Task { try await work.join("k", as: "b") { try await counter.hold() } }
        try await eventually("both wait") { work.waiting(for: "k").count == 2 }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(counter.begun == 1 && counter.cancelled == 0)
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        try await eventually("the work was cancelled") { counter.cancelled == 1 }
        try await work.join("k", as: "c") {}
        await work.cancelAll()
        loop.stop()
    }
}
