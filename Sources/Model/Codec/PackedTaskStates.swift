/// A client's report of an allocation - its description and task states - with the times taken out.
///
/// Allocations of a job go through the same events, so what is left is one ``shape`` for thousands of them, kept once.
package struct PackedTaskStates: Sendable, Equatable {
    /// Everything but the times, which appear by their number.
    package var shape: [UInt8]
    /// The different times, oldest first, in nanoseconds.
    package var times: [Int64]

    package init(shape: [UInt8], times: [Int64]) {
        self.shape = shape
        self.times = times
    }
}
