/// Everything a server or client takes from the world: time, randomness, threads, disk and network.
///
/// The outermost shell fills it with the real things (`Linux.SystemSeam`), the simulator with its own
/// (`SimulatedSeam`). Code above the outermost shells reaches the world through it alone; that is what lets
/// one seed replay a whole cluster.
public struct Seam: Sendable {
    public let time: any TimeSource
    public let random: any RandomSource
    public let blocking: any BlockingExecutor
    public let disk: any Disk
    public let network: any Network

    public init(
        time: any TimeSource, random: any RandomSource, blocking: any BlockingExecutor, disk: any Disk,
        network: any Network
    ) {
        self.time = time
        self.random = random
        self.blocking = blocking
        self.disk = disk
        self.network = network
    }
}
