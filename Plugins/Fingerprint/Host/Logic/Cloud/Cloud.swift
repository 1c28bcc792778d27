internal import DroverSDK

/// A cloud whose machines can be asked what they are, and how. The names of attributes are Nomad's (docs: env_aws and others).
enum Cloud: String, CaseIterable, Sendable {
    case aws
    case gce
    case azure
    case digitalocean

    /// `nil` when the machine is not of this cloud.
    func facts(_ client: MetadataClient) -> CloudFacts? {
        switch self {
        case .aws: Self.aws(client)
        case .gce: Self.gce(client)
        case .azure: Self.azure(client)
        case .digitalocean: Self.digitalOcean(client)
        }
    }

    // MARK: - Amazon

    /// AWS docs: instance metadata, version 2 with a session token, version 1 where none is given out.
    private static func aws(_ client: MetadataClient) -> CloudFacts? {
        var headers: [String: String] = [:]
        let lifetime = ["X-aws-ec2-metadata-token-ttl-seconds": "60"]
        if let token = client.ask("PUT", "/latest/api/token", lifetime) { headers["X-aws-ec2-metadata-token"] = token }
        func get(_ key: String) -> String? { client.ask("GET", "/latest/meta-data/" + key, headers) }
        guard let image = get("ami-id") else { return nil }
        var facts = CloudFacts()
        facts.set("aws.ami-id", image)
        for key in ["instance-life-cycle", "instance-type", "placement/availability-zone"] {
            facts.set("aws." + String(key.map { $0 == "/" ? "." : $0 }), get(key))
        }
        let own = [
            "hostname", "instance-id", "local-hostname", "local-ipv4", "public-hostname", "public-ipv4", "public-ipv6",
            "mac",
        ]
        for key in own { facts.set("aws." + key, get(key), isUnique: true) }
        if let zone = facts.attributes["platform.aws.placement.availability-zone"],
            let id = facts.attributes["unique.platform.aws.instance-id"]
        {
            facts.links["aws.ec2"] = "\(zone).\(id)"
        }
        return facts
    }

    // MARK: - Google

    /// Google docs: VM metadata. Names such as machineType are paths, of which the last part counts.
    private static func gce(_ client: MetadataClient) -> CloudFacts? {
        let headers = ["Metadata-Flavor": "Google"]
        let base = "/computeMetadata/v1/instance/"
        // As text: it may be larger than a JSON number can be.
        guard let id = client.ask("GET", base + "id", headers),
            let instance = client.ask("GET", base + "?recursive=true", headers).flatMap({ try? JSON(parsing: $0) })
        else { return nil }
        func last(_ path: JSON?) -> String? { path?.string?.split(separator: "/").last.map(String.init) }
        var facts = CloudFacts()
        facts.links["gce"] = id
        facts.set("gce.id", id, isUnique: true)
        facts.set("gce.hostname", instance["hostname"]?.string, isUnique: true)
        facts.set("gce.machine-type", last(instance["machineType"]))
        facts.set("gce.zone", last(instance["zone"]))
        facts.set("gce.cpu-platform", instance["cpuPlatform"]?.string)
        facts.set("gce.scheduling.automatic-restart", instance["scheduling"]?["automaticRestart"]?.string)
        facts.set("gce.scheduling.on-host-maintenance", instance["scheduling"]?["onHostMaintenance"]?.string)
        for interface in instance["networkInterfaces"]?.array ?? [] {
            guard let network = last(interface["network"]) else { continue }
            facts.set("gce.network.\(network)", "true")
            facts.set("gce.network.\(network).ip", interface["ip"]?.string, isUnique: true)
            for (number, access) in (interface["accessConfigs"]?.array ?? []).enumerated() {
                facts.set("gce.network.\(network).external-ip.\(number)", access["externalIp"]?.string, isUnique: true)
            }
        }
        for tag in instance["tags"]?.strings ?? [] { facts.set("gce.tag", key: tag, "true") }
        for (key, value) in instance["attributes"]?.object ?? [:] {
            if let value = value.string { facts.set("gce.attr", key: key, value) }
        }
        return facts
    }

    // MARK: - Microsoft

    /// Azure docs: instance metadata service. Tags come as "name:value;name:value".
    private static func azure(_ client: MetadataClient) -> CloudFacts? {
        let query = "?api-version=2019-06-04&format=json"
        guard let text = client.ask("GET", "/metadata/instance" + query, ["Metadata": "true"]),
            let instance = try? JSON(parsing: text), let compute = instance["compute"]
        else { return nil }
        var facts = CloudFacts()
        let shared = [
            ("location", "location"), ("resource-group", "resourceGroupName"), ("scale-set", "vmScaleSetName"),
            ("vm-size", "vmSize"), ("zone", "zone"),
        ]
        for (name, key) in shared { facts.set("azure." + name, compute[key]?.string) }
        facts.set("azure.id", compute["vmId"]?.string, isUnique: true)
        facts.set("azure.name", compute["name"]?.string, isUnique: true)
        facts.links["azure"] = compute["vmId"]?.string
        for tag in (compute["tags"]?.string ?? "").split(separator: ";") {
            let parts = tag.split(separator: ":", maxSplits: 1).map(String.init)
            if parts.count == 2 { facts.set("azure.tag", key: parts[0], parts[1]) }
        }
        guard let interface = instance["network"]?["interface"]?.array?.first else { return facts }
        for family in ["ipv4", "ipv6"] {
            let address = interface[family]?["ipAddress"]?.array?.first
            facts.set("azure.local-\(family)", address?["privateIpAddress"]?.string, isUnique: true)
            facts.set("azure.public-\(family)", address?["publicIpAddress"]?.string, isUnique: true)
        }
        facts.set("azure.mac", interface["macAddress"]?.string, isUnique: true)
        return facts
    }

    // MARK: - DigitalOcean

    /// DigitalOcean docs: droplet metadata.
    private static func digitalOcean(_ client: MetadataClient) -> CloudFacts? {
        func get(_ key: String) -> String? { client.ask("GET", "/metadata/v1/" + key, [:]) }
        guard let id = get("id") else { return nil }
        var facts = CloudFacts()
        facts.links["digitalocean"] = id
        facts.set("digitalocean.region", get("region"))
        let own = [
            ("id", "id"), ("hostname", "hostname"), ("private-ipv4", "interfaces/private/0/ipv4/address"),
            ("public-ipv4", "interfaces/public/0/ipv4/address"), ("private-ipv6", "interfaces/private/0/ipv6/address"),
            ("public-ipv6", "interfaces/public/0/ipv6/address"), ("mac", "interfaces/public/0/mac"),
        ]
        for (name, key) in own { facts.set("digitalocean." + name, key == "id" ? id : get(key), isUnique: true) }
        return facts
    }
}
