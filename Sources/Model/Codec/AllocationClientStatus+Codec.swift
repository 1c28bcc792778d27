extension AllocationClientStatus {
    /// The status's number in rows and log entries; never reused.
    package var code: UInt8 {
        switch self {
        case .pending: 0
        case .running: 1
        case .complete: 2
        case .failed: 3
        case .lost: 4
        case .unknown: 5
        }
    }

    package init(code: UInt8) {
        switch code {
        case 0: self = .pending
        case 1: self = .running
        case 2: self = .complete
        case 3: self = .failed
        case 4: self = .lost
        default: self = .unknown
        }
    }
}
