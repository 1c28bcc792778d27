internal import Basics
internal import CDroverABI

/// A device plug-in behind ``DeviceProvider``.
final class HostedDeviceProvider: DeviceProvider {
    let plugin: HostedPlugin

    private static let timeout: Duration = .seconds(10)

    init(_ plugin: HostedPlugin) { self.plugin = plugin }

    var name: String { plugin.name }

    func probe() async throws -> DeviceFingerprint {
        let answer = try await ask("probe", [])
        var found = DeviceFingerprint()
        found.groups = try answer.objects("groups").map(HostedDeviceProvider.group)
        found.period = .nanoseconds(try answer.count("period_ns") ?? 0)
        return found
    }

    func reserve(_ request: JSON) async throws -> DeviceReservation {
        let answer = try await ask("reserve", [.bytes(request.bytes)])
        for key in ["mounts", "devices"] { _ = try answer.objects(key) }
        return DeviceReservation(json: answer.json, environment: try answer.texts("env"))
    }

    func stats() async throws -> JSON {
        let answer = try await ask("stats", [])
        _ = try answer.objects("groups")
        return answer.json
    }

    private func ask(_ operation: String, _ arguments: [Argument]) async throws -> AnswerObject {
        let answer = try await plugin.call(
            DROVER_DEVICE_1, operation, arguments, within: HostedDeviceProvider.timeout)
        return try AnswerObject(answer, operation, plugin: name)
    }

    private static func group(_ answer: AnswerObject) throws(PluginError) -> DeviceFingerprint.Group {
        var group = DeviceFingerprint.Group(
            vendor: try answer.requiredText("vendor"), type: try answer.requiredText("type"),
            model: try answer.requiredText("model"))
        for (name, value) in try answer.object("attributes")?.json.object?.members ?? [] {
            group.attributes[name] = value
        }
        for instance in try answer.objects("instances") { group.instances.append(try self.instance(instance)) }
        return group
    }

    private static func instance(_ answer: AnswerObject) throws(PluginError) -> DeviceFingerprint.Instance {
        var instance = DeviceFingerprint.Instance(id: try answer.requiredText("id"))
        instance.isHealthy = try answer.flag("healthy") ?? true
        instance.healthMessage = try answer.text("health_message") ?? ""
        instance.pciBusID = try answer.text("pci_bus_id") ?? ""
        instance.numa = try answer.count("numa").map(Int.init)
        instance.fractionMinMilli = Int(min(1_000, max(1, try answer.count("fraction_min_milli") ?? 1_000)))
        return instance
    }
}
