import Basics
import Model

/// The part of an allocation that changes, as plain data: 56 bytes.
struct HotRow: BitwiseCopyable, Sendable {
    var modifyIndex: UInt64 = 0
    /// Index of the last change by a server (`AllocModifyIndex`).
    var serverIndex: UInt64 = 0
    var modifyTime: Int64 = 0
    /// First of the times in the task states, in nanoseconds; the others follow as differences.
    var stateTime: Int64 = 0
    var stateDelta1: UInt32 = 0
    var stateDelta2: UInt32 = 0
    /// Row of the ``JobVersion`` this allocation is of.
    var version: UInt32 = 0
    /// Number of the interned task states without their times; 0 is none.
    var shape: UInt32 = 0
    /// Position of the task group in the job version.
    var group: UInt16 = 0
    /// Number of the interned desired description; 0 is empty.
    var desiredText: UInt16 = 0
    var client: UInt8 = 0
    var desired: UInt8 = 0
    var flags: UInt8 = 0

    /// The row has an ``AllocationExtra``.
    static let hasExtra: UInt8 = 1
    /// A server asks for migration or rescheduling.
    static let hasTransition: UInt8 = 2
    /// The allocation has been collected.
    static let isDead: UInt8 = 4
    /// Task states are in the extra instead of here.
    static let statesInExtra: UInt8 = 8

    var clientStatus: AllocationClientStatus {
        get { AllocationClientStatus(code: client) }
        set { client = newValue.code }
    }

    var desiredStatus: AllocationDesiredStatus {
        get { AllocationDesiredStatus(code: desired) }
        set { desired = newValue.code }
    }

    /// Neither servers nor client keep this allocation's resources.
    var isTerminal: Bool { desiredStatus != .run || clientStatus.isTerminal }

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    mutating func set(_ flag: UInt8, _ isOn: Bool) { flags = isOn ? flags | flag : flags & ~flag }
}

extension AllocationDesiredStatus {
    /// The status's number in rows and log entries; never reused.
    var code: UInt8 {
        switch self {
        case .run: 0
        case .stop: 1
        case .evict: 2
        }
    }

    init(code: UInt8) {
        switch code {
        case 0: self = .run
        case 1: self = .stop
        default: self = .evict
        }
    }
}
