// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
    name: "SDK",
    products: [
        .library(name: "CDroverABI", targets: ["CDroverABI"]),
        .library(name: "DroverSDK", targets: ["DroverSDK"]),
    ],
    targets: [
        // The C ABI: headers, and a file that pins their layout.
        .target(name: "CDroverABI"),
        // The Swift face of the ABI: kits for drivers, schedulers, fingerprinters and devices.
        .target(name: "DroverSDK", dependencies: ["CDroverABI"], swiftSettings: settings),
    ]
)
