package import DroverSDK

/// A job type a stock library is for.
package protocol StockLibrary: Sendable {
    static var jobType: StockJobType { get }
}

/// The plug-in behind one of the libraries `service`, `batch`, `system` and `sysbatch`: one scheduler for one job type.
///
/// Four libraries rather than one, so that an operator can replace or disable the scheduler of a single job type.
package struct StockPlugin<Library: StockLibrary>: Plugin {
    private let stock: StockScheduler

    package init(host: Host, config: JSON) throws {
        stock = StockScheduler(name: Library.jobType.rawValue, types: [Library.jobType])
    }

    package var scheduler: (any Scheduler)? { stock }
}

/// libdrover-scheduler-service.so
package enum ServiceLibrary: StockLibrary {
    package static let jobType = StockJobType.service
}

/// libdrover-scheduler-batch.so
package enum BatchLibrary: StockLibrary {
    package static let jobType = StockJobType.batch
}

/// libdrover-scheduler-system.so
package enum SystemLibrary: StockLibrary {
    package static let jobType = StockJobType.system
}

/// libdrover-scheduler-sysbatch.so
package enum SysbatchLibrary: StockLibrary {
    package static let jobType = StockJobType.sysbatch
}
