import CDroverABI
import DroverSDK

/// Why a batch of problems cannot be answered: an ABI code and a message for the operator.
package struct SchedulerFault: Error, Equatable {
    package let code: Int32
    package let message: String

    package init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    /// A problem that cannot be expressed or read.
    package static func invalid(_ message: String) -> SchedulerFault {
        SchedulerFault(code: DROVER_E_INVALID, message: message)
    }

    /// Runs `body`, turning its fault into what the SDK's barrier takes over the line.
    package static func asPluginError(_ body: () throws(SchedulerFault) -> Void) throws {
        do throws(SchedulerFault) {
            try body()
        } catch {
            throw PluginError(PluginError.Code(rawValue: error.code), error.message)
        }
    }
}
