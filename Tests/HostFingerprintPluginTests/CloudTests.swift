import DroverSDK
import Testing

@testable import HostFingerprintPlugin

/// What clouds say of their machines, from a server of the test's.
@Suite("cloud metadata")
struct CloudTests {
    private func probe(
        _ cloud: String, _ server: MetadataServer, with probe: CloudProbe = CloudProbe()
    ) throws -> Fingerprint {
        defer { withExtendedLifetime(server) {} }
        var fingerprint = Fingerprint()
        let options: JSON = [
            "fingerprint.cloud": .string(cloud), "fingerprint.cloud.address": .string(server.address),
            "fingerprint.cloud.timeout": "2s",
        ]
        probe.run(try CloudOptions(options), &fingerprint)
        return fingerprint
    }

    @Test(arguments: [true, false]) func amazon(hasTokens: Bool) throws {
        let values = [
            "ami-id": "ami-1", "instance-type": "m5.large", "placement/availability-zone": "eu-west-1a",
            "instance-id": "i-07",
            "local-ipv4": "10.0.0.4", "mac": "0a:1b",
        ]
        let server = MetadataServer { request in
            if request.line == "PUT /latest/api/token" { return hasTokens ? "t0ken" : nil }
            let isAllowed = !hasTokens || request.headers.contains("X-aws-ec2-metadata-token: t0ken")
            return isAllowed ? values[String(request.line.dropFirst("GET /latest/meta-data/".count))] : nil
        }
        let found = try probe("aws", server)
        #expect(
            found.attributes == [
                "platform.aws.ami-id": "ami-1", "platform.aws.instance-type": "m5.large",
                "platform.aws.placement.availability-zone": "eu-west-1a", "unique.platform.aws.instance-id": "i-07",
                "unique.platform.aws.local-ipv4": "10.0.0.4", "unique.platform.aws.mac": "0a:1b",
            ])
        #expect(found.links == ["aws.ec2": "eu-west-1a.i-07"])
    }

    @Test func google() throws {
        let instance = """
            {"hostname": "vm.c.p.internal", "machineType": "projects/1/machineTypes/n1-standard-1", "zone": "projects/1/zones/us-a",
             "cpuPlatform": "Intel Haswell", "scheduling": {"automaticRestart": "TRUE", "onHostMaintenance": "MIGRATE"},
             "networkInterfaces": [{"network": "projects/1/networks/default", "ip": "10.2.0.2",
                                    "accessConfigs": [{"externalIp": "35.1.1.1"}]}],
             "tags": ["web", "unique.one"], "attributes": {"role": "db"}}
            """
        let server = MetadataServer(isChunked: true) { request in
            guard request.headers.contains("Metadata-Flavor: Google") else { return nil }
            return request.line.hasSuffix("/id") ? "98765432109876543210" : instance
        }
        let found = try probe("gce", server)
        #expect(
            found.attributes == [
                "unique.platform.gce.id": "98765432109876543210", "unique.platform.gce.hostname": "vm.c.p.internal",
                "platform.gce.machine-type": "n1-standard-1", "platform.gce.zone": "us-a",
                "platform.gce.cpu-platform": "Intel Haswell", "platform.gce.scheduling.automatic-restart": "TRUE",
                "platform.gce.scheduling.on-host-maintenance": "MIGRATE", "platform.gce.network.default": "true",
                "unique.platform.gce.network.default.ip": "10.2.0.2",
                "unique.platform.gce.network.default.external-ip.0": "35.1.1.1", "platform.gce.tag.web": "true",
                "unique.platform.gce.tag.unique.one": "true", "platform.gce.attr.role": "db",
            ])
        #expect(found.links == ["gce": "98765432109876543210"])
    }

    @Test func microsoft() throws {
        let instance = """
            {"compute": {"location": "westus", "resourceGroupName": "rg", "vmSize": "A2", "vmId": "v-1", "name": "vm", "zone": "",
                         "tags": "team:db;unique.slot:7"},
             "network": {"interface": [{"macAddress": "000D", "ipv4": {"ipAddress": [
               {"privateIpAddress": "10.0.0.5", "publicIpAddress": "52.1.1.1"}]}, "ipv6": {"ipAddress": []}}]}}
            """
        let server = MetadataServer { $0.headers.contains("Metadata: true") ? instance : nil }
        let found = try probe("azure", server)
        #expect(
            found.attributes == [
                "platform.azure.location": "westus", "platform.azure.resource-group": "rg",
                "platform.azure.vm-size": "A2",
                "unique.platform.azure.id": "v-1", "unique.platform.azure.name": "vm", "platform.azure.tag.team": "db",
                "unique.platform.azure.tag.unique.slot": "7", "unique.platform.azure.local-ipv4": "10.0.0.5",
                "unique.platform.azure.public-ipv4": "52.1.1.1", "unique.platform.azure.mac": "000D",
            ])
        #expect(found.links == ["azure": "v-1"])
    }

    @Test func digitalOcean() throws {
        let values = ["id": "77", "region": "fra1", "hostname": "d", "interfaces/public/0/ipv4/address": "5.6.7.8"]
        let server = MetadataServer { values[String($0.line.dropFirst("GET /metadata/v1/".count))] }
        let found = try probe("digitalocean", server)
        #expect(
            found.attributes == [
                "unique.platform.digitalocean.id": "77", "platform.digitalocean.region": "fra1",
                "unique.platform.digitalocean.hostname": "d", "unique.platform.digitalocean.public-ipv4": "5.6.7.8",
            ])
    }

    @Test func othersThanTheOneWantedAreNotAsked() throws {
        let server = MetadataServer { _ in nil }
        #expect(try probe("azure", server).attributes.isEmpty)
        #expect(server.lines.count == 1 && server.lines.allSatisfy { $0.hasPrefix("GET /metadata/instance") })
        var nothing = Fingerprint()
        CloudProbe().run(try CloudOptions(["network_interface": "lo"]), &nothing)
        #expect(nothing == Fingerprint())
    }

    /// What was once known stays while the cloud does not answer.
    @Test func aMuteCloudTakesNothingAway() throws {
        let keeper = CloudProbe()
        let known = try probe("digitalocean", MetadataServer { $0.line.hasSuffix("/id") ? "77" : nil }, with: keeper)
        #expect(known.links == ["digitalocean": "77"])
        let mute = MetadataServer(isMute: true) { _ in nil }
        var options = try CloudOptions(["fingerprint.cloud": "digitalocean", "fingerprint.cloud.timeout": "20ms"])
        options.address = mute.address
        defer { withExtendedLifetime(mute) {} }
        var found = Fingerprint()
        keeper.run(options, &found)
        #expect(found == known)
        var nothing = Fingerprint()
        CloudProbe().run(options, &nothing)
        #expect(nothing == Fingerprint(), "and gives nothing")
    }

    @Test(
        arguments: [
            (["fingerprint.cloud": "aws,mars"], "\"mars\" is none of aws, gce, azure, digitalocean"),
            (["fingerprint.cloud.timeout": "1m"], "must be above 0 and at most 2s"),
            (["fingerprint.cloud.timeout": "soon"], "must be a duration"),
        ] as [(JSON, String)])
    func wrongOptionsAreNamed(options: JSON, text: String) {
        let error = #expect(throws: PluginError.self) { try CloudOptions(options) }
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
    }

    @Test(
        arguments: [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", "body"), ("HTTP/1.1 301 Moved\r\n\r\nbody", nil),
            ("HTTP/1.1 200", nil),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab\r\n", nil), ("SMTP 200 OK\r\n\r\nx", nil),
        ] as [(String, String?)])
    func answers(text: String, body: String?) { #expect(MetadataClient.body(Array(text.utf8)) == body) }
}
