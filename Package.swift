// swift-tools-version: 6.2
import PackageDescription

// The module table of the design: what a target may import is what it declares here, and CI builds with
// `--explicit-target-dependency-import-check error`, so this file is the dependency rule.

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

/// Plug-ins export one symbol, hide the libraries they link, and stay mapped once loaded.
let pluginLinkage: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "--version-script=\(Context.packageDirectory)/SDK/exports.map",
        "-Xlinker", "--exclude-libs=ALL", "-Xlinker", "-z", "-Xlinker", "nodelete",
    ])
]

let abi = Target.Dependency.product(name: "CDroverABI", package: "SDK")
let sdk = Target.Dependency.product(name: "DroverSDK", package: "SDK")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let hummingbird = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let asyncAlgorithms = Target.Dependency.product(name: "AsyncAlgorithms", package: "swift-async-algorithms")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")

/// One of our modules at `Sources/<name>`, or elsewhere by `path`.
func module(
    _ name: String, path: String? = nil, _ dependencies: [Target.Dependency], exclude: [String] = ["README.md"]
)
    -> Target
{
    .target(
        name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", exclude: exclude,
        swiftSettings: swiftSettings)
}

/// A module written in C at `Sources/<name>`.
func cModule(_ name: String, _ dependencies: [Target.Dependency] = [], flags: [String] = []) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/\(name)", exclude: ["README.md"],
        cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"] + flags)])
}

/// A plug-in: `Logic` is tested, `Entry` exports the one symbol and is linked into the library alone.
func plugin(_ name: String, path: String, _ dependencies: [Target.Dependency]) -> [Target] {
    [
        module("\(name)Plugin", path: "\(path)/Logic", dependencies, exclude: []),
        .target(name: "\(name)Manifest", dependencies: [abi], path: "\(path)/Manifest"),
        .target(
            name: "\(name)Entry",
            dependencies: [abi, sdk, .target(name: "\(name)Plugin"), .target(name: "\(name)Manifest")],
            path: "\(path)/Entry", swiftSettings: swiftSettings, linkerSettings: pluginLinkage),
    ]
}

/// A scheduler library on a Logic that several share: its manifest and its entry.
func scheduler(_ name: String, logic: Target.Dependency) -> [Target] {
    let path = "Plugins/Scheduler/\(name)"
    return [
        .target(name: "\(name)SchedulerManifest", dependencies: [abi], path: "\(path)/Manifest"),
        .target(
            name: "\(name)SchedulerEntry", dependencies: [abi, sdk, logic, .target(name: "\(name)SchedulerManifest")],
            path: "\(path)/Entry", swiftSettings: swiftSettings, linkerSettings: pluginLinkage),
    ]
}

/// Tests of a module at `Tests/<name>Tests`.
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)Tests", exclude: exclude,
        swiftSettings: swiftSettings)
}

// MARK: - Products

let products: [Product] = [
    .executable(name: "drover", targets: ["drover"]),
    .executable(name: "drover-shim", targets: ["drover-shim"]),
    .executable(name: "drover-bench", targets: ["drover-bench"]),
    .library(name: "drover-driver-raw_exec", type: .dynamic, targets: ["RawExecEntry"]),
    .library(name: "drover-driver-exec", type: .dynamic, targets: ["ExecEntry"]),
    .library(name: "drover-driver-java", type: .dynamic, targets: ["JavaEntry"]),
    .library(name: "drover-driver-qemu", type: .dynamic, targets: ["QemuEntry"]),
    .library(name: "drover-driver-docker", type: .dynamic, targets: ["DockerEntry"]),
    .library(name: "drover-driver-mock", type: .dynamic, targets: ["MockEntry"]),
    .library(name: "drover-fingerprint-host", type: .dynamic, targets: ["HostFingerprintEntry"]),
    .library(name: "drover-scheduler-service", type: .dynamic, targets: ["ServiceSchedulerEntry"]),
    .library(name: "drover-scheduler-batch", type: .dynamic, targets: ["BatchSchedulerEntry"]),
    .library(name: "drover-scheduler-system", type: .dynamic, targets: ["SystemSchedulerEntry"]),
    .library(name: "drover-scheduler-sysbatch", type: .dynamic, targets: ["SysbatchSchedulerEntry"]),
    .library(name: "drover-scheduler-scored", type: .dynamic, targets: ["ScoredSchedulerEntry"]),
    .library(name: "drover-scheduler-fragmentation", type: .dynamic, targets: ["FragmentationSchedulerEntry"]),
]

// MARK: - Modules, in the order of the design's table

let modules: [Target] = [
    module("Basics", []),
    module("Model", ["Basics"]),
    module("HCL", ["Basics"]),
    module("JobSpec", ["Basics", "HCL", "Model"]),
    module("Filter", ["Basics"]),
    module("Raft", ["Basics"]),
    module("Gossip", ["Basics"]),
    module("StateStore", ["Basics", "Model"]),
    module("Scheduling", ["Basics", "Model", "StateStore", abi]),
    module("Broker", ["Basics", "Model"]),
    module("Certificates", ["Basics", asn1, crypto, x509]),
    module("Connections", ["Basics", crypto, nioCore, nioSSL, nioTLS]),
    module("RPC", ["Basics", "Connections", "Model", nioCore, nioPosix, nioSSL]),
    module("Consensus", ["Basics", "Raft"]),
    .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    module("Archive", ["Basics", "CZlib", crypto]),
    module("Recovery", ["Basics", "Consensus", "Raft", "StateStore"]),
    module("Membership", ["Basics", "Gossip", crypto, logging, nioCore, nioPosix]),
    cModule("CLinux"),
    module("Linux", ["Basics", "CLinux"]),
    .systemLibrary(
        name: "CJemalloc", path: "Sources/CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),
    .systemLibrary(name: "CFFI", path: "Sources/CFFI", pkgConfig: "libffi", providers: [.apt(["libffi-dev"])]),
    module(
        "PluginHost", ["Basics", "CFFI", "CLinux", "CSpawn", "Linux", abi, logging],
        exclude: ["README.md", "Executor/README.md"]),
    module(
        "Server",
        [
            "Archive", "Basics", "Broker", "Consensus", "Filter", "Gossip", "Linux", "Model", "PluginHost", "RPC",
            "Raft",
            "Recovery", "Scheduling", "StateStore", crypto, logging,
        ]),
    module("Client", ["Basics", "CLinux", "CSpawn", "Linux", "Model", "PluginHost", "RPC", grdb, logging]),
    module(
        "HTTPAPI",
        [
            "Basics", "Connections", "JobSpec", "Model", "RPC", hummingbird, nioHTTPTypes, httpTypes, nioCore, nioHTTP,
            nioPosix, asyncAlgorithms, lifecycle, logging,
        ]),
    module("APIClient", ["Basics", "Connections", "Model", nioCore, nioPosix, nioHTTP, nioSSL]),
    module(
        "CLI",
        [
            "APIClient", "Archive", "Basics", "Certificates", "Consensus", "Filter", "HCL", "JobSpec", "Linux", "Model",
            "Raft",
            "Recovery", "StateStore", argumentParser,
        ]),
    module("AgentConfiguration", path: "Sources/Agent/Configuration", ["Basics", "HCL"]),
    .target(
        name: "Agent",
        dependencies: [
            "AgentConfiguration", "Basics", "Client", "Connections", "Gossip", "HTTPAPI", "Linux", "Membership",
            "Model",
            "PluginHost", "RPC", "Raft", "Server", "StateStore",
            argumentParser, lifecycle, logging, unixSignals,
        ], path: "Sources/Agent", exclude: ["Configuration", "README.md"], swiftSettings: swiftSettings),
    module("SimulatedSeam", path: "Sources/Simulation/Seam", ["Basics"], exclude: []),
    module(
        "Simulation", path: "Sources/Simulation/World",
        [
            "Basics", "Model", "PluginHost", "RPC", "Raft", "Server", "SimulatedSeam", "StateStore", abi, logging,
        ], exclude: []),
    module(
        "TraceSimulation", path: "Sources/Simulation/Trace",
        [
            "Basics", "Consensus", "Model", "PluginHost", "Raft", "Recovery", "Scheduling", "StateStore", abi, logging,
        ], exclude: []),
    cModule("CSpawn"),
    cModule("CKernels", [abi], flags: ["-ffp-contract=off", "-O2"]),
]

// MARK: - Programs

let programs: [Target] = [
    .executableTarget(
        name: "drover",
        dependencies: [
            "Agent", "Basics", "CJemalloc", "CLI", "Linux", "PluginHost", "TraceSimulation", argumentParser,
        ],
        path: "Sources/drover", exclude: ["README.md"], swiftSettings: swiftSettings),
    .executableTarget(
        name: "drover-bench",
        dependencies: [
            "Basics", "Broker", "CLinux", "Linux", "Model", "PluginHost", "RPC", "Scheduling", "Simulation",
            "StateStore", "TestSupport", logging,
        ],
        path: "Tests/Benchmarks", swiftSettings: swiftSettings),
    .executableTarget(
        name: "drover-shim", dependencies: ["CSpawn"], path: "Sources/drover-shim", exclude: ["README.md"],
        cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
        // Static: half of starting it was the dynamic linker's work, and it is started once a task.
        linkerSettings: [
            .unsafeFlags([
                "-enable-experimental-feature", "Embedded", "-Xlinker", "--as-needed", "-Xclang-linker", "-static",
                "-Xclang-linker", "-Wno-unused-command-line-argument",
            ])
        ]),
]

/// The fuzzer is built alone, by `make fuzz`: it takes libFuzzer, and code that reports its branches.
let fuzzers: [Target] =
    Context.environment["DROVER_FUZZ_BUILD"] == nil
    ? []
    : [
        .executableTarget(
            name: "drover-fuzz",
            dependencies: [
                "Basics", "Connections", "Consensus", "Gossip", "Membership", "Model", "RPC", "Raft", "Server",
                "SimulatedSeam", "StateStore", nioCore,
            ],
            path: "Tests/Fuzz", exclude: ["run"],
            swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])])
    ]

// MARK: - Plug-ins, against the SDK alone

let plugins: [Target] =
    [
        module("PluginSupport", path: "Plugins/Shared", [sdk], exclude: ["README.md", "Isolation"]),
        module("TaskIsolation", path: "Plugins/Shared/Isolation", [sdk, "PluginSupport"]),
        .target(name: "DockerSystem", path: "Plugins/Driver/Docker/System"),
    ]
    + plugin("RawExec", path: "Plugins/Driver/RawExec", [sdk, "PluginSupport"])
    + plugin("Exec", path: "Plugins/Driver/Exec", [sdk, "TaskIsolation"])
    + plugin("Java", path: "Plugins/Driver/Java", [sdk, "PluginSupport", "TaskIsolation"])
    + plugin("Qemu", path: "Plugins/Driver/Qemu", [sdk, "PluginSupport", "TaskIsolation"])
    + plugin("Docker", path: "Plugins/Driver/Docker", [sdk, "DockerSystem", "PluginSupport"])
    + plugin("Mock", path: "Plugins/Driver/Mock", [sdk, "PluginSupport"])
    + plugin("HostFingerprint", path: "Plugins/Fingerprint/Host", [sdk, "PluginSupport"])
    + [
        module("StockSchedulerPlugin", path: "Plugins/Scheduler/Stock/Logic", [sdk, abi, "CKernels"], exclude: []),
        module(
            "ScoredSchedulerPlugin", path: "Plugins/Scheduler/Scored/Logic",
            [sdk, abi, "CKernels", "StockSchedulerPlugin"], exclude: []),
        module(
            "FragmentationSchedulerPlugin", path: "Plugins/Scheduler/Fragmentation/Logic",
            [sdk, abi, "CKernels", "StockSchedulerPlugin"], exclude: []),
    ]
    + ["Service", "Batch", "System", "Sysbatch"].flatMap { scheduler($0, logic: "StockSchedulerPlugin") }
    + scheduler("Scored", logic: "ScoredSchedulerPlugin")
    + scheduler("Fragmentation", logic: "FragmentationSchedulerPlugin")

// MARK: - Tests

let testTargets: [Target] = [
    module("TestSupport", path: "Tests/Support", ["Basics", "Certificates", "Linux"], exclude: []),
    module("PluginTestSupport", path: "Tests/PluginTestSupport", [abi, sdk], exclude: []),
    module(
        "PluginHostTestSupport", path: "Tests/PluginHostTestSupport", ["Basics", "Linux", "PluginHost", abi, logging],
        exclude: []),
    module(
        "TaskTestSupport", path: "Tests/TaskTestSupport",
        ["Basics", "Linux", "PluginHost", "PluginHostTestSupport", "PluginTestSupport", sdk], exclude: []),
    tests("House", []),
    tests("Support", ["Basics", "TestSupport"]),
    tests("Basics", ["Basics"]),
    tests("Model", ["Basics", "Model"]),
    tests("HCL", ["Basics", "HCL"]),
    tests("JobSpec", ["Basics", "HCL", "JobSpec", "Model"], exclude: ["Files"]),
    tests("Filter", ["Basics", "Filter"]),
    tests("Agent", ["Agent", "Basics", "RPC", logging]),
    tests("AgentConfiguration", ["AgentConfiguration", "Basics", "HCL"]),
    tests("Raft", ["Basics", "Raft"], exclude: ["Cases"]),
    tests("Gossip", ["Basics", "Gossip"]),
    tests("Consensus", ["Basics", "Consensus", "Raft"]),
    tests(
        "Recovery", ["Basics", "Consensus", "Linux", "Model", "Raft", "Recovery", "StateStore", "TestSupport"]),
    tests("Archive", ["Archive", "Basics", "Linux", "TestSupport"]),
    tests("Membership", ["Basics", "Gossip", "Linux", "Membership", "TestSupport", logging]),
    tests("StateStore", ["Basics", "Model", "StateStore"]),
    tests("Broker", ["Basics", "Broker", "Model"]),
    tests("Scheduling", ["Basics", "Model", "Scheduling", "StateStore"], exclude: ["Cases"]),
    tests("Connections", ["Basics", "Certificates", "Connections", "TestSupport"]),
    tests("Certificates", ["Basics", "Certificates"]),
    tests("RPC", ["Basics", "Certificates", "Connections", "Model", "RPC", "TestSupport", nioCore, nioPosix]),
    tests("Linux", ["Basics", "Linux"]),
    tests("Shim", ["Basics", "CSpawn", "Linux", "PluginHost", "PluginHostTestSupport", "drover-shim"]),
    tests(
        "Client", ["Basics", "Client", "Linux", "Model", "PluginHost", "RPC", "SimulatedSeam", logging, "drover-shim"]),
    tests(
        "HTTPAPI",
        [
            "APIClient", "Basics", "Certificates", "Connections", "HTTPAPI", "Model", "RPC", "TestSupport", lifecycle,
            logging, nioCore,
            nioPosix,
        ]),
    tests("APIClient", ["APIClient", "Basics"]),
    tests("CLI", ["APIClient", "Basics", "CLI", "Model", argumentParser]),
    tests("SDK", [abi, sdk, "PluginTestSupport"]),
    tests("RawExecPlugin", [abi, sdk, "PluginSupport", "PluginTestSupport", "RawExecPlugin"]),
    tests(
        "ExecPlugin",
        [
            abi, sdk, "ExecPlugin", "Linux", "PluginHost", "PluginHostTestSupport", "PluginSupport",
            "PluginTestSupport", "TaskIsolation", "TaskTestSupport", "drover-shim",
        ]),
    tests(
        "JavaPlugin",
        [
            abi, sdk, "Basics", "JavaPlugin", "Linux", "PluginHost", "PluginHostTestSupport", "PluginSupport",
            "PluginTestSupport", "TaskIsolation", "TaskTestSupport", "drover-shim",
        ]),
    tests(
        "QemuPlugin",
        [
            abi, sdk, "Basics", "Linux", "PluginHost", "PluginHostTestSupport", "PluginSupport", "PluginTestSupport",
            "QemuPlugin", "TaskIsolation", "TaskTestSupport", "drover-shim",
        ]),
    tests(
        "DockerPlugin",
        [
            abi, sdk, "Basics", "Certificates", "DockerPlugin", "Linux", "PluginHost", "PluginHostTestSupport",
            "PluginSupport",
            "PluginTestSupport", "TestSupport",
        ]),
    tests("MockPlugin", [abi, sdk, "PluginSupport", "PluginTestSupport", "MockPlugin"]),
    tests(
        "HostFingerprintPlugin",
        [abi, sdk, "PluginHostTestSupport", "PluginSupport", "PluginTestSupport", "HostFingerprintPlugin"],
        exclude: ["nvml.c"]),
    tests(
        "SchedulerPlugin",
        [
            abi, sdk, "Basics", "CKernels", "Model", "ScoredSchedulerPlugin", "Scheduling", "StateStore",
            "StockSchedulerPlugin",
        ]),
    tests("FragmentationPlugin", [abi, "FragmentationSchedulerPlugin", "StockSchedulerPlugin"]),
    tests("PluginHost", ["Basics", "Linux", "PluginHost", "PluginHostTestSupport", abi], exclude: ["Plugins"]),
    tests("Conformance", ["Basics", "Linux", "PluginHost", "PluginHostTestSupport", abi]),
    tests(
        "Server",
        [
            "Basics", "Broker", "Consensus", "FragmentationSchedulerPlugin", "Gossip", "Model", "PluginHost", "RPC",
            "Raft",
            "Scheduling", "Server", "Simulation", "SimulatedSeam", "StateStore", abi, logging,
        ]),
    tests(
        "Simulation",
        [
            "Basics", "Model", "PluginHost", "PluginHostTestSupport", "Raft", "Server", "Simulation", "SimulatedSeam",
            "StateStore", abi,
        ], exclude: ["Clock"]),
    tests(
        "TraceSimulation",
        ["Basics", "Consensus", "Linux", "Model", "PluginHostTestSupport", "Raft", "StateStore", "TraceSimulation"]),
    tests(
        "Integration",
        ["Basics", "Certificates", "Linux", "PluginHostTestSupport", "TestSupport", "drover", "drover-shim"],
        exclude: ["clock.c"]),
]

let package = Package(
    name: "drover",
    products: products,
    dependencies: [
        .package(path: "SDK"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-async-algorithms", exact: "1.1.4"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: modules + programs + fuzzers + plugins + testTargets
)
