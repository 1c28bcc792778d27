internal import Basics
internal import CDroverABI

/// A device plug-in behind ``DeviceProvider``.
final class HostedDeviceProvider: DeviceProvider {
    let plugin: HostedPlugin

    private static let timeout: Duration = .seconds(10)

    init(_ plugin: HostedPlugin) { self.plugin = plugin }

    var name: String { plugin.name }

    func probe() async throws -> JSON {
        let answer = try await ask("probe", [])
        for group in try answer.objects("groups") {
            for key in ["vendor", "type", "model"] { _ = try group.requiredText(key) }
            for instance in try group.objects("instances") { _ = try instance.requiredText("id") }
        }
        _ = try answer.count("period_ns")
        return answer.json
    }

    func reserve(_ request: JSON) async throws -> JSON {
        let answer = try await ask("reserve", [.bytes(request.bytes)])
        _ = try answer.object("env")
        for key in ["mounts", "devices"] { _ = try answer.objects(key) }
        return answer.json
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
}
