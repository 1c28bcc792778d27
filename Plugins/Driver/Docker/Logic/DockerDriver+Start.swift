internal import DroverSDK

/// Making and finding containers.
extension DockerDriver {
    /// Starts `task`, or reports it when its container is there already.
    func run(_ task: TaskDocument) async throws -> JSON {
        if let entry = table.entry(task.id) { return entry.answer }
        watch.begin()
        table.setStarting(task.id, true)
        defer { table.setStarting(task.id, false) }
        let image = try await images.prepare(task)
        do {
            let request = ContainerRequest(task: task, settings: settings, machine: try facts())
            let container = try await make(request, image: image)
            return try await adopt(container, task, image: image)
        } catch {
            images.release(image, by: task.id)
            await forget(task)
            throw error
        }
    }

    /// Makes and starts the container, or finds the one that this very task has.
    ///
    /// - Returns: its id.
    private func make(_ request: ContainerRequest, image: String) async throws -> String {
        let document = try request.document(image: image)
        let attempts = try request.config.int(
            "container_exists_attempts", in: 1...1_000, otherwise: settings.nameAttempts)
        let what = "cannot create container \"\(request.name)\""
        for attempt in 1...attempts {
            let create = EngineRequest("POST", "/containers/create", ["name": request.name], body: document)
            let answer = try await client.ask(create, seconds: 300)
            if answer.isSuccess, let id = answer.json["Id"]?.string {
                for warning in answer.json["Warnings"]?.strings ?? [] { tell(request.task.id, "Engine: \(warning)") }
                try await start(id)
                return id
            }
            guard answer.status == 409 else { throw EngineClient.failure(answer.status, answer.message, what) }
            if let id = try await clear(request) { return id }
            try await client.clock.pause(nanoseconds: attempt * 100_000_000)
        }
        throw PluginError(
            .retry, "\(what): another container has kept that name over \(attempts) attempts to remove it")
    }

    private func start(_ container: String) async throws {
        let answer = try await client.ask(EngineRequest("POST", "/containers/\(container)/start"), seconds: 120)
        guard !answer.isSuccess else { return }
        let message = answer.message
        let isAbsent = ["executable file not found", "no such file or directory"].contains { message.contains($0) }
        let code: PluginError.Code =
            isAbsent || answer.status == 404 ? .notFound : answer.status == 400 ? .invalid : .retry
        throw PluginError(code, "cannot start container: \(message)")
    }

    /// Another container has the name: the task's own is reported, one of an earlier attempt of it, or one that has ended, is removed.
    ///
    /// - Returns: the id of the task's own.
    private func clear(_ request: ContainerRequest) async throws -> String? {
        let answer = try await client.ask(EngineRequest("GET", "/containers/\(request.name)/json"))
        guard answer.isSuccess else { return nil }
        let other = ContainerState(answer.json)
        if other.label(ContainerRequest.Label.task) == request.task.id {
            if other.status == "created" { try await start(other.id) }
            return other.id
        }
        let isOurs = other.label(ContainerRequest.Label.owner) == request.machine.owner
        guard isOurs || other.hasEnded else {
            throw PluginError(
                .exists,
                "container \"\(request.name)\" runs and is none of this agent's; remove it with: docker rm -f "
                    + request.name)
        }
        _ = try await client.ask(EngineRequest("DELETE", "/containers/\(other.id)", ["force": "1", "v": "1"]))
        return nil
    }

    /// Finds the container of `task` by its handle, or by its label.
    func find(_ task: TaskDocument, _ handle: JSON?) async throws -> JSON {
        if let entry = table.entry(task.id) { return entry.answer }
        watch.begin()
        table.setStarting(task.id, true)
        defer { table.setStarting(task.id, false) }
        guard let state = try await inspection(of: task, handle) else {
            throw PluginError(.notFound, "the engine has no container of task \(task.id)")
        }
        guard state.status != "created" else {
            // It was never started, and nobody is about to: the host begins anew.
            await forget(task)
            throw PluginError(.notFound, "the container of task \(task.id) was never started")
        }
        images.use(state.image, by: task.id)
        do {
            return try await adopt(state.id, task, image: state.image, logs: handle?["logs"])
        } catch {
            images.release(state.image, by: task.id)
            throw error
        }
    }

    private func inspection(of task: TaskDocument, _ handle: JSON?) async throws -> ContainerState? {
        var container = handle?["container"]?.string
        if container == nil { container = try await containers(labelled: task.id).first }
        guard let container else { return nil }
        let answer = try await client.ask(EngineRequest("GET", "/containers/\(container)/json"))
        if answer.status == 404 { return nil }
        guard answer.isSuccess else {
            throw EngineClient.failure(answer.status, answer.message, "cannot look for container \(container)")
        }
        let state = ContainerState(answer.json)
        return state.label(ContainerRequest.Label.task) == task.id ? state : nil
    }

    /// The ids of the containers of a task; with `ended`, also of those that do not run.
    func containers(labelled task: String, also ended: Bool = true) async throws -> [String] {
        let filters: JSON = ["label": [.string("\(ContainerRequest.Label.task)=\(task)")]]
        let request = EngineRequest("GET", "/containers/json", ["all": ended ? "1" : "0", "filters": filters.text])
        return try await client.list(request, "cannot list containers") { $0["Id"]?.string }
    }

    /// Takes a container into the table, has its output copied, and tells what the host is to know of it.
    private func adopt(
        _ container: String, _ task: TaskDocument, image: String, logs: JSON? = nil
    ) async throws -> JSON {
        let answer = try await client.demand(
            EngineRequest("GET", "/containers/\(container)/json"), "cannot inspect container \(container)")
        let state = ContainerState(answer)
        let logs = task.json["logs"]?["dir"] == nil ? logs ?? .null : task.json["logs"] ?? .null
        var result: [String: JSON] = [
            "handle": [
                "version": 1, "container": .string(container), "image": .string(image), "logs": logs,
            ]
        ]
        if let network = try network(task, state) { result["network"] = network }
        table.insert(
            TaskTable.Entry(
                id: task.id, container: container, image: image, pid: state.pid, stopSignal: state.stopSignal,
                answer: .object(result)))
        collect(logs, of: task.id, container, isTerminal: state.isTerminal)
        // It may have ended before it was in the table, and its event was nobody's.
        watch.look(at: task.id)
        return .object(result)
    }

    private func network(_ task: TaskDocument, _ state: ContainerState) throws -> JSON? {
        let isIPv6 = try task.config.flag("advertise_ipv6_address")
        guard let address = state.address(isIPv6: isIPv6) else { return nil }
        let ports = try PortBindings(task).inside
        return ["ip": .string(address), "port_map": .object(ports.mapValues(JSON.integer))]
    }

    private func collect(_ logs: JSON, of id: String, _ container: String, isTerminal: Bool) {
        guard settings.collectsLogs, let target = LogTarget(logs), let own = try? host.folders.own() else { return }
        let progress = LogProgress()
        let collector = LogCollector(
            client: client, container: container, isTerminal: isTerminal, target: target,
            positionFile: DockerDriver.positionFile(own, container), progress: progress,
            speaker: { [self] in await speaker(id, container) },
            tell: { [self] in tell(id, $0) })
        guard let work = operations.spawn({ await collector.run() }) else { return }
        table.setCollection(TaskTable.Collection(work: work, progress: progress), of: id)
    }

    private func speaker(_ id: String, _ container: String) async -> LogCollector.Speaker {
        guard let entry = table.entry(id), entry.exit == nil else { return .gone }
        guard let answer = try? await client.ask(EngineRequest("GET", "/containers/\(container)/json")) else {
            return .living
        }
        if answer.status == 404 { return .gone }
        return answer.isSuccess && ContainerState(answer.json).hasEnded ? .ended : .living
    }

    static func positionFile(_ own: String, _ container: String) -> String { "\(own)/\(container).position" }

    /// Removes what there may be of a task that is not to run: its container, by its label. Goes on when the caller is cancelled.
    private func forget(_ task: TaskDocument) async {
        await operations.spawn { [self] in
            for container in (try? await containers(labelled: task.id)) ?? [] {
                _ = try? await client.ask(
                    EngineRequest("DELETE", "/containers/\(container)", ["force": "1", "v": "1"]))
            }
        }?.value
    }

    func tell(_ id: String, _ message: String) { try? host.events.task(id, message) }
}
