/// What a trace may hold; beyond it the reader refuses, so that no sum in a run overflows.
enum TraceLimits {
    static let nodesMax = 100_000
    static let tasksMax = 2_000_000
    static let shapesMax = 20_000
    static let devicesMax = 64
    /// Thousandths of a core, MiB, or seconds.
    static let amountMax: Int64 = 1 << 40
    /// Copies included, in one run; there it ends.
    static let arrivalsMax = 5_000_000
}
