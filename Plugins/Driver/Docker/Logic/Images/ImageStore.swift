internal import DroverSDK
internal import Synchronization

/// The engine's images as tasks use them: fetched once for all who wait, removed a while after the last has gone.
final class ImageStore: Sendable {
    /// Tasks that want the same image with the same credentials wait for one pull.
    private struct PullKey: Hashable {
        var image: ImageName
        var credentials: RegistryCredentials?
    }

    private struct State {
        /// Task ids by the id of the image that they use.
        var users: [String: Set<String>] = [:]
        var removals: [String: Removal] = [:]
        var count = 0
    }

    /// An image that waits to be removed.
    private struct Removal {
        let number: Int
        let work: Task<Void, Never>
    }

    /// How often the engine may refuse to remove an image before it is left alone. Each attempt comes after twice as long, first after
    /// the operator's delay: with the usual 3 minutes it goes on for six hours.
    static let removalAttemptsMax = 8
    static let removalDelayNanosecondsMin: Int64 = 1_000_000_000

    private let client: EngineClient
    private let settings: DockerSettings
    private let host: Host
    private let pulls: SharedWork<PullKey>
    private let state = Mutex(State())

    init(client: EngineClient, settings: DockerSettings, host: Host) {
        self.client = client
        self.settings = settings
        self.host = host
        pulls = SharedWork(on: client.loop)
    }

    // MARK: - Fetching

    /// Makes sure that the engine has the image of `task`, and counts the task as a user of it.
    ///
    /// - Returns: the image's id.
    /// - Throws: ``PluginError``: `notFound` for an image or an archive that is not there, `denied` for credentials, `retry` for what
    ///   may pass.
    func prepare(_ task: TaskDocument) async throws -> String {
        let config = task.config
        let image = try ImageName(config.requiredText("image"))
        let archive = try config.text("load")
        if !archive.isEmpty {
            try await load(archive, for: task)
        } else {
            let present = try await id(of: image)
            if try present == nil || image.isMoving || config.flag("force_pull") { try await pull(image, for: task) }
        }
        guard let id = try await id(of: image) else {
            throw PluginError(.notFound, "image \"\(image.reference)\" is not among those that were fetched")
        }
        use(id, by: task.id)
        return id
    }

    /// The id of an image that the engine has.
    private func id(of image: ImageName) async throws -> String? {
        let path = "/images/\(EngineRequest.escape(image.reference, keepsSlash: true))/json"
        let answer = try await client.ask(EngineRequest("GET", path))
        if answer.status == 404 { return nil }
        guard answer.isSuccess, let id = answer.json["Id"]?.string else {
            throw EngineClient.failure(answer.status, answer.message, "cannot look for image \"\(image.reference)\"")
        }
        return id
    }

    private func pull(_ image: ImageName, for task: TaskDocument) async throws {
        let key = PullKey(image: image, credentials: try await credentials(image, task))
        let seconds = try pullSeconds(task.config)
        tell(task.id, "Downloading image \(image.reference)")
        try await pulls.join(key, as: task.id) { [self] in try await fetch(key, seconds: seconds) }
    }

    private func pullSeconds(_ config: JSON) throws(PluginError) -> Int64 {
        guard config["image_pull_timeout"] != nil else { return settings.pullTimeoutSeconds }
        return max(1, try config.nanoseconds("image_pull_timeout") / 1_000_000_000)
    }

    private func credentials(_ image: ImageName, _ task: TaskDocument) async throws -> RegistryCredentials? {
        do {
            return try await settings.registries.credentials(
                for: image, task: task.config["auth"], on: client.loop, clock: client.clock)
        } catch let error as PluginError where (try? task.config.flag("auth_soft_fail")) == true {
            tell(task.id, "No registry credentials, going on without: \(error.message)")
            return nil
        }
    }

    private func fetch(_ key: PullKey, seconds: Int64) async throws {
        var request = EngineRequest(
            "POST", "/images/create", ["fromImage": key.image.repository, "tag": key.image.tag])
        if let credentials = key.credentials { request.fields = [("X-Registry-Auth", credentials.header)] }
        let what = "cannot pull image \"\(key.image.reference)\""
        let open = request
        try await client.clock.limit(seconds: seconds, "\(what): it did not end") { [self] in
            let stream = try await client.open(open)
            defer { stream.close() }
            try await ImageStore.check(stream, what)
            try await follow(stream, key, what)
        }
    }

    /// Reads the progress of a pull to its end and passes it on.
    private func follow(_ stream: ResponseStream, _ key: PullKey, _ what: String) async throws {
        var lines = JSONLines()
        var progress = PullProgress(now: client.clock.monotonic)
        while true {
            let seconds = settings.pullActivitySeconds
            let part = try await client.clock.limit(seconds: seconds, "\(what): no progress") {
                try await stream.next()
            }
            if part.isEmpty { return }
            for line in try lines.feed(part) {
                if let error = line["error"]?.string { throw PullProgress.failure(what, error) }
                guard let text = progress.step(line, now: client.clock.monotonic) else { continue }
                for id in pulls.waiting(for: key) { tell(id, "Downloading image \(key.image.reference): \(text)") }
            }
        }
    }

    private func tell(_ id: String, _ message: String) { try? host.events.task(id, message) }

    /// Loads the archive that the task brings with it: a path in its folder `local`, or below it.
    private func load(_ path: String, for task: TaskDocument) async throws {
        let archive = try ConfinedFile(path, in: task)
        defer { archive.close() }
        var request = EngineRequest("POST", "/images/load", ["quiet": "1"])
        request.archiveBytes = archive.bytes
        let what = "cannot load image archive \"\(path)\""
        let open = request
        let seconds = try pullSeconds(task.config)
        try await client.clock.limit(seconds: seconds, "\(what): it did not end") { [self] in
            let stream = try await client.open(open) { connection in
                while let part = try archive.next() { try await connection.write(part) }
            }
            defer { stream.close() }
            try await ImageStore.check(stream, what)
            var lines = JSONLines()
            while true {
                let part = try await stream.next()
                if part.isEmpty { return }
                for line in try lines.feed(part) {
                    if let error = line["error"]?.string { throw PluginError(.invalid, "\(what): \(error)") }
                }
            }
        }
    }

    /// Throws what the engine has to say unless it answered with 200.
    private static func check(_ stream: ResponseStream, _ what: String) async throws {
        guard stream.head.status != 200 else { return }
        let text = String(decoding: try await stream.all(max: 64 << 10), as: UTF8.self)
        let message = (try? JSON(parsing: text))?["message"]?.string ?? text
        // What a registry says comes as a failure of the engine's own.
        if stream.head.status >= 500 { throw PullProgress.failure(what, message) }
        throw EngineClient.failure(stream.head.status, message, what)
    }

    // MARK: - Removing

    private static func key(_ image: String) -> String { "image/\(image)" }

    /// Counts `task` as a user of `image`.
    func use(_ image: String, by task: String) {
        guard settings.collection.removesImages else { return }
        let removal = state.withLock { state in
            state.users[image, default: []].insert(task)
            return state.removals.removeValue(forKey: image)
        }
        removal?.work.cancel()
        try? host.store.remove(ImageStore.key(image))
    }

    /// `task` has gone: an image that nobody uses any more is removed after the delay.
    func release(_ image: String, by task: String) {
        guard settings.collection.removesImages else { return }
        let isUnused = state.withLock { state in
            state.users[image]?.remove(task)
            guard state.users[image]?.isEmpty == true else { return false }
            state.users[image] = nil
            return true
        }
        guard isUnused else { return }
        let due = client.clock.wall + settings.collection.imageDelayNanoseconds
        // Kept, so that an image is not forgotten when this process ends within the delay.
        try? host.store.put(ImageStore.key(image), Array(String(due).utf8))
        remove(image, at: due)
    }

    /// `user` has gone, and its image stays: others will want it.
    func leave(_ user: String) {
        state.withLock { state in
            for image in state.users.keys { state.users[image]?.remove(user) }
        }
    }

    /// Goes on with the removals that an earlier instance owed.
    func resume() {
        guard settings.collection.removesImages else { return }
        for key in (try? host.store.keys(prefix: ImageStore.key(""))) ?? [] {
            let due = ((try? host.store.get(key)) ?? nil).flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
            remove(String(key.dropFirst(ImageStore.key("").count)), at: due)
        }
    }

    private func remove(_ image: String, at due: Int64) {
        let earlier = state.withLock { state in
            state.count += 1
            let number = state.count
            let work = Task(executorPreference: client.loop) { [self] in
                if await removes(image, at: due) { try? host.store.remove(ImageStore.key(image)) }
                self.state.withLock { state in
                    if state.removals[image]?.number == number { state.removals[image] = nil }
                }
            }
            return state.removals.updateValue(Removal(number: number, work: work), forKey: image)
        }
        earlier?.work.cancel()
    }

    /// Asks the engine to remove an image from `due` on until it has, or has refused often enough.
    ///
    /// - Returns: false when cancelled: somebody uses it again, or the plug-in ends and its next instance goes on.
    private func removes(_ image: String, at due: Int64) async -> Bool {
        var wait = max(0, due - client.clock.wall)
        var delay = max(settings.collection.imageDelayNanoseconds, ImageStore.removalDelayNanosecondsMin)
        var refusals = 0
        while (try? await client.clock.pause(nanoseconds: wait)) != nil {
            // Not by force: what a container of somebody else's uses, or has another name, stays.
            let answer = try? await client.ask(EngineRequest("DELETE", "/images/\(image)"))
            if Task.isCancelled { return false }
            // Without an answer the engine is away, which says nothing about the image.
            guard let answer else {
                wait = delay
                continue
            }
            if answer.isSuccess || answer.status == 404 { return true }
            refusals += 1
            guard refusals < ImageStore.removalAttemptsMax else {
                host.log.info("an unused image stays", ["image": image, "reason": answer.message])
                return true
            }
            (wait, delay) = (delay, delay * 2)
        }
        return false
    }

    /// Ends what is under way.
    func shutdown() async {
        await pulls.cancelAll()
        let removals = state.withLock { $0.removals.values.map(\.work) }
        for work in removals { work.cancel() }
        for work in removals { await work.value }
    }
}
