/// What is used of /proc/cpuinfo.
public struct CPUInfo: Sendable {
    /// Used when neither cpufreq nor /proc/cpuinfo tells a speed, as on some virtual ARM machines.
    public static let defaultMHz: Int64 = 1000

    public private(set) var model: String?
    /// Of the first processor that tells, rounded down.
    public private(set) var mhz: Int64?
    public private(set) var processors: [Int] = []

    /// Parses the text of /proc/cpuinfo.
    public init(_ text: String) {
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = SmallFile.trim(line[line.index(after: colon)...])
            switch SmallFile.trim(line[..<colon]) {
            case "processor": if let number = Int(value) { processors.append(number) }
            case "model name": model = model ?? (value.isEmpty ? nil : value)
            case "cpu MHz": mhz = mhz ?? Double(value).flatMap { $0 >= 1 && $0 < 1e6 ? Int64($0) : nil }
            default: break
            }
        }
    }

    /// The speed a core can be counted on for: its base frequency, else its highest, else what it runs at now. `read` gives
    /// the one line of a file of /sys, `nil` when there is none.
    public func mhz(ofCore id: Int, reading read: (String) -> String?) -> Int64 {
        let folder = "/sys/devices/system/cpu/cpu\(id)/cpufreq"
        for file in ["base_frequency", "cpuinfo_max_freq"] {
            if let kilohertz = read("\(folder)/\(file)").flatMap({ Int64($0) }), kilohertz >= 1000 {
                return kilohertz / 1000
            }
        }
        return mhz ?? CPUInfo.defaultMHz
    }
}
