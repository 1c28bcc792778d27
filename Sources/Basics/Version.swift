/// What this build calls itself.
public enum Version {
    /// Semantic version of Drover.
    public static let text = "0.1.0"

    /// The release of the API that clients find here: job files, endpoints and commands of up to this version.
    public static let compatibility = "1.9.0"
}
