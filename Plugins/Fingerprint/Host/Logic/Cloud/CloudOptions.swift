internal import DroverSDK

/// Which clouds are asked for metadata: of the client's options.
struct CloudOptions: Equatable {
    /// In the order they are asked: `fingerprint.cloud`, such as "aws" or "aws,gce". None unless the operator says so.
    var clouds: [Cloud] = []
    /// How long one request may take: `fingerprint.cloud.timeout`; 500 ms, at most 2 s.
    var timeoutNanoseconds: Int64 = 500_000_000
    /// Where metadata is served: `fingerprint.cloud.address`; the link-local address that all of them use.
    var address = "169.254.169.254:80"

    /// - Throws: ``PluginError/Code/invalid`` naming the option that is wrong.
    init(_ options: JSON?) throws(PluginError) {
        guard let options else { return }
        for name in try options.text("fingerprint.cloud").split(separator: ",") {
            let name = String(name.filter { $0 != " " })
            guard let cloud = Cloud(rawValue: name) else {
                let known = Cloud.allCases.map(\.rawValue).joined(separator: ", ")
                throw PluginError(.invalid, "\"fingerprint.cloud\": \"\(name)\" is none of \(known)")
            }
            clouds.append(cloud)
        }
        timeoutNanoseconds = try options.nanoseconds("fingerprint.cloud.timeout", otherwise: timeoutNanoseconds)
        guard (1...2_000_000_000).contains(timeoutNanoseconds) else {
            throw PluginError(.invalid, "\"fingerprint.cloud.timeout\" must be above 0 and at most 2s")
        }
        address = try options.text("fingerprint.cloud.address", otherwise: address)
    }
}
