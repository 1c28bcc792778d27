package import Basics

extension Seam {
    /// The real world: the machine's clocks, random generator, threads and disk, and the network given.
    package static func system(network: any Network) -> Seam {
        Seam(
            time: SystemTime(), random: SystemRandom(), blocking: BlockingThreads(), disk: SystemDisk(),
            network: network)
    }
}
