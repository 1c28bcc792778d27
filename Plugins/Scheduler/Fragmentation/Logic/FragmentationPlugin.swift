package import DroverSDK

/// The plug-in behind libdrover-scheduler-fragmentation.so.
package struct FragmentationPlugin: Plugin {
    private let fragmentation = FragmentationScheduler()

    package init(host: Host, config: JSON) throws {}

    package var scheduler: (any Scheduler)? { fragmentation }
}
