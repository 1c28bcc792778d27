internal import Glibc
internal import PluginSupport

/// Where the probes look: the files below a root folder and a few system calls.
///
/// Tests give a folder made for the purpose and calls of their own; everything else uses the defaults.
struct Machine: Sendable {
    var root = ""
    var system: any SystemCalls = LinuxSystemCalls()
    let pciNames = PCINames()

    func line(_ path: String) -> String? { SmallFile.readLine(root + path) }
    func text(_ path: String) -> String? { SmallFile.read(root + path) }
    func names(in folder: String) -> [String] { SmallFile.names(in: root + folder) }
    func integer(_ path: String) -> Int64? { line(path).flatMap { Int64($0) } }
    func exists(_ path: String) -> Bool { access(root + path, F_OK) == 0 }

    /// The NUMA node of a PCI device; `nil` when the firmware does not say (-1).
    func numaNode(ofPCI busID: String) -> Int64? {
        integer("/sys/bus/pci/devices/\(busID)/numa_node").flatMap { $0 < 0 ? nil : $0 }
    }
}

/// What the probes ask of the kernel by call instead of by file.
protocol SystemCalls: Sendable {
    /// `uname`: release and machine, such as "6.1.0" and "x86_64".
    func kernel() -> (release: String, machine: String)
    func hostname() -> String
    /// Bytes of the file system that holds `path`: all of it, and what is free to use.
    func storage(_ path: String) -> (total: UInt64, free: UInt64)?
    /// Addresses of all interfaces, in the kernel's order.
    func addresses() -> [InterfaceAddress]
    /// The version of Landlock's rules; `nil` when the kernel has none, or it is switched off.
    func landlockVersion() -> Int?
    /// The GPUs that libnvidia-ml knows; `nil` when the machine has no such library.
    func nvidiaGPUs() -> NvidiaReport?
    /// What they do now.
    func nvidiaUse() -> [NvidiaUse]
}

/// One address of one interface.
struct InterfaceAddress: Sendable, Hashable {
    var interface: String
    var ip: String
    var prefixLength: Int
    var isIPv6: Bool
    var isUp: Bool
    var isLoopback: Bool
}

/// The real calls.
struct LinuxSystemCalls: SystemCalls {
    private let nvidia: NvidiaSession

    init(nvidia: NvidiaSession = NvidiaSession()) { self.nvidia = nvidia }

    func kernel() -> (release: String, machine: String) {
        var names = utsname()
        guard uname(&names) == 0 else { return ("", "") }
        return (Self.text(of: names.release), Self.text(of: names.machine))
    }

    func hostname() -> String {
        var names = utsname()
        return uname(&names) == 0 ? Self.text(of: names.nodename) : ""
    }

    func storage(_ path: String) -> (total: UInt64, free: UInt64)? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return (UInt64(status.f_blocks) * UInt64(status.f_frsize), UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }

    /// landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION; by number, as the C library has no name for it.
    func landlockVersion() -> Int? {
        typealias SystemCall = @convention(c) (Int, UInt, UInt, UInt) -> Int
        guard let address = dlsym(nil, "syscall") else { return nil }
        let version = unsafeBitCast(address, to: SystemCall.self)(444, 0, 0, 1)
        return version > 0 ? version : nil
    }

    func nvidiaGPUs() -> NvidiaReport? { nvidia.report() }

    func nvidiaUse() -> [NvidiaUse] { nvidia.use() }

    func addresses() -> [InterfaceAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var result: [InterfaceAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            if let address = Self.address(entry) { result.append(address) }
        }
        return result
    }

    private static func address(_ entry: ifaddrs) -> InterfaceAddress? {
        guard let address = entry.ifa_addr, let name = entry.ifa_name else { return nil }
        let isIPv6 = Int32(address.pointee.sa_family) == AF_INET6
        guard isIPv6 || Int32(address.pointee.sa_family) == AF_INET else { return nil }
        var host = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let raw = UnsafeRawPointer(address)
        // The address begins at byte 4 of sockaddr_in and at byte 8 of sockaddr_in6, in network order.
        let converted = inet_ntop(
            isIPv6 ? AF_INET6 : AF_INET, raw + (isIPv6 ? 8 : 4), &host, socklen_t(INET6_ADDRSTRLEN))
        guard converted != nil else { return nil }
        var length = isIPv6 ? 128 : 32
        if let mask = entry.ifa_netmask {
            let bytes = UnsafeRawBufferPointer(
                start: UnsafeRawPointer(mask) + (isIPv6 ? 8 : 4), count: isIPv6 ? 16 : 4)
            length = bytes.reduce(0) { $0 + $1.nonzeroBitCount }
        }
        return InterfaceAddress(
            interface: String(cString: name), ip: host.withUnsafeBufferPointer(Self.text), prefixLength: length,
            isIPv6: isIPv6, isUp: entry.ifa_flags & UInt32(IFF_UP) != 0,
            isLoopback: entry.ifa_flags & UInt32(IFF_LOOPBACK) != 0)
    }

    private static func text(_ buffer: UnsafeBufferPointer<CChar>) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The text of a C array of characters.
    private static func text<Characters>(of characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
