internal import Basics
internal import CDroverABI
internal import Synchronization

/// An instance in this process: the library's functions, called through libffi by their signatures.
final class LocalInstance: PluginInstance, @unchecked Sendable {
    let library: LoadedLibrary
    let binding: HostBinding
    private let instance: UnsafeMutableRawPointer?
    private var operations: [String: [Invocation?]] = [:]
    /// Of a scorer library; empty otherwise.
    let scorers: [TypedScorer]
    /// Held during a call where the plug-in takes only one at a time.
    private let serial = Condition()
    private let activity = Condition()
    private var active = 0
    private var isStopped = false
    private let open = Mutex<[ObjectIdentifier: (name: String, call: PendingCall)]>([:])
    private let folders: TaskFolders

    /// Operations of thread class [serial] (types.h), by interface.
    private static let serialOperations: [String: Set<String>] = [
        DROVER_DRIVER_1: ["fingerprint"], DROVER_FINGERPRINT_1: ["probe"], DROVER_DEVICE_1: ["probe"],
        DROVER_SELFTEST_1: ["run"],
    ]

    /// Makes an instance of `library` with `config`, already checked against the schema, and finds all its interfaces.
    /// - Throws: the plug-in's own error, or ``PluginError/Code/abi`` when a table is not as the manifest and headers say.
    init(library: LoadedLibrary, config: [UInt8], binding: HostBinding) throws(PluginError) {
        self.library = library
        self.binding = binding
        folders = binding.folders
        instance = try LocalInstance.create(library, config: config, host: binding.host)
        do throws(PluginError) {
            var scorers: [TypedScorer] = []
            for id in library.manifest.interfaces {
                guard let table = library.table.pointee.get_interface?(instance, id) else {
                    throw PluginError(.abi, "the manifest lists interface \(id), but get_interface answers null for it")
                }
                if id == DROVER_SCORER_1 {
                    scorers = try TypedScorer.all(in: table, library: library.manifest.name)
                } else {
                    operations[id] = try LocalInstance.operations(of: id, table: table, manifest: library.manifest)
                }
            }
            self.scorers = scorers
        } catch {
            scorers = []
            library.table.pointee.destroy?(instance)
            binding.revoke()
            throw error
        }
    }

    private static func create(
        _ library: LoadedLibrary, config: [UInt8], host: UnsafePointer<drover_host>
    ) throws(PluginError) -> UnsafeMutableRawPointer? {
        let sink = ResultSink()
        var instance: UnsafeMutableRawPointer?
        let code = withExtendedLifetime(sink) {
            config.withABI { library.table.pointee.create?(host, $0, sink.raw, &instance) ?? DROVER_E_ABI }
        }
        guard code == DROVER_OK else {
            throw PluginError(abiCode: code, message: String(decoding: sink.bytes, as: UTF8.self)).during("create")
        }
        return instance
    }

    private static func operations(
        of id: String, table: UnsafeRawPointer, manifest: Manifest
    ) throws(PluginError) -> [Invocation?] {
        guard let interface = try Interface(id: id, manifest: manifest) else {
            throw PluginError(.abi, "interface \(id) is unknown here and the manifest has no \"signatures\" for it")
        }
        let size = Int(table.load(as: UInt32.self))
        guard size >= 8, size % 8 == 0, size <= 8 + 8 * Signature.operationsMax else {
            throw PluginError(.abi, "interface \(id): field size of its table is \(size); set it to sizeof the table")
        }
        var operations: [Invocation?] = []
        for (index, signature) in interface.operations.enumerated() {
            let offset = Interface.offset(of: index)
            let function =
                offset + 8 <= size ? table.load(fromByteOffset: offset, as: UnsafeRawPointer?.self) : nil
            operations.append(
                try function.map { pointer throws(PluginError) in
                    try Invocation(signature: signature, function: pointer)
                })
        }
        return operations
    }

    // MARK: - Calls

    func begin(_ request: PluginRequest, finish: @escaping @Sendable (Answer) -> Void) -> any OpenCall {
        do throws(PluginError) {
            try request.signature.check(request.arguments)
            guard let function = operations[request.interface.id]?[request.operation] else {
                throw PluginError(.unsupported, "the plug-in has no \(request.interface.id) \(request.signature.name)")
            }
            try enter()
            defer { leave() }
            folders.note(request)
            let isSerial =
                library.manifest.isSerial
                || LocalInstance.serialOperations[request.interface.id]?.contains(request.signature.name) == true
            return isSerial ? serial.locked { run(function, request, finish) } : run(function, request, finish)
        } catch {
            finish(Answer(error))
            return FinishedCall()
        }
    }

    private func run(
        _ function: Invocation, _ request: PluginRequest, _ finish: @escaping @Sendable (Answer) -> Void
    ) -> any OpenCall {
        guard request.signature.isLong else {
            let sink = ResultSink()
            let bits = withExtendedLifetime((sink, request)) {
                function(instance: instance, request.arguments, sink: sink.raw, call: drover_call())
            }
            finish(LocalInstance.answer(request.signature, bits, sink))
            return FinishedCall()
        }
        let box = Mutex<ObjectIdentifier?>(nil)
        let call = PendingCall { [self] answer in
            if let key = box.withLock({ $0 }) { _ = open.withLock { $0.removeValue(forKey: key) } }
            finish(answer)
        }
        box.withLock { $0 = ObjectIdentifier(call) }
        open.withLock { $0[ObjectIdentifier(call)] = (request.signature.name, call) }
        let deadline = request.deadline?.nanoseconds ?? 0
        _ = function(instance: instance, request.arguments, sink: drover_sink(), call: call.raw(deadline: deadline))
        return LongCall(call: call)
    }

    private struct LongCall: OpenCall {
        let call: PendingCall

        func cancel() { call.cancel() }
    }

    private static func answer(_ signature: Signature, _ bits: UInt64, _ sink: ResultSink) -> Answer {
        if sink.isOverfull {
            let message = "the result is larger than \(ResultSink.bytesMax) bytes"
            return Answer(code: DROVER_E_LIMIT, bytes: Array(message.utf8))
        }
        guard signature.result == .i32 else { return Answer(code: 0, scalar: bits, bytes: sink.bytes) }
        return Answer(pluginCode: Int32(truncatingIfNeeded: bits), bytes: sink.bytes)
    }

    // MARK: - End

    var ended: RemoteInstance.End? { nil }

    var openOperations: [String] { open.withLock { $0.values.map(\.name) } }

    private func enter() throws(PluginError) {
        let entered = activity.locked {
            if !isStopped { active += 1 }
            return !isStopped
        }
        if !entered { throw PluginError(.revoked, "this instance has been destroyed") }
    }

    private func leave() {
        activity.locked {
            active -= 1
            if active == 0 { activity.broadcast() }
        }
    }

    /// Destroys the instance once no function of it runs; one that does not return within five seconds keeps it for ever, revoked.
    func stop() {
        let isQuiet = activity.locked {
            guard !isStopped else { return false }
            isStopped = true
            let deadline = Condition.now + 5_000_000_000
            while active > 0 {
                if !activity.wait(until: deadline), active > 0 { return false }
            }
            return true
        }
        if isQuiet { library.table.pointee.destroy?(instance) }
        binding.revoke()
        let left = open.withLock { open in
            defer { open = [:] }
            return Array(open.values)
        }
        for (_, call) in left { call.abandon(PluginError(.cancelled, "the plug-in was stopped")) }
    }
}
