package import Basics
package import Model

extension Node {
    /// A node as a simulated client registers it: half of them with 8 GHz and 8 GiB, half with twice that; five
    /// classes, three datacenters, twenty attributes.
    package static func simulated(number: Int, random: some RandomSource) -> Node {
        var node = Node()
        node.id = random.id()
        node.secretID = random.id()
        node.name = "node-\(number)"
        node.datacenter = "dc\(number % 3 + 1)"
        node.nodeClass = "class-\(number % 5)"
        node.nodePool = "default"
        node.status = .ready
        let large = number % 2 == 1
        node.nodeResources.cpu.cpuShares = large ? 16_000 : 8_000
        node.nodeResources.cpu.totalCpuCores = large ? 8 : 4
        node.nodeResources.memory.memoryMB = large ? 16_384 : 8_192
        node.nodeResources.disk.diskMB = 100_000
        node.nodeResources.minDynamicPort = 20_000
        node.nodeResources.maxDynamicPort = 32_000
        node.attributes = [
            "kernel.name": "linux", "kernel.arch": "x86_64", "kernel.version": "6.1.0", "cpu.arch": "amd64",
            "cpu.numcores": large ? "8" : "4", "cpu.frequency": "2000", "cpu.totalcompute": large ? "16000" : "8000",
            "memory.totalbytes": large ? "17179869184" : "8589934592", "os.name": "debian", "os.version": "12",
            "os.cgroups.version": "2", "os.signals": "SIGHUP,SIGINT,SIGKILL,SIGTERM", "driver.mock_driver": "1",
            "driver.raw_exec": "1", "nomad.version": "1.9.0", "rack": "r\(number % 40)",
            "unique.hostname": "node-\(number)", "unique.network.ip-address": "192.0.2.\(number % 250 + 1)",
            "unique.storage.volume": "/dev/vda", "unique.storage.bytestotal": "107374182400",
        ]
        for name in ["mock_driver", "raw_exec"] {
            var driver = DriverInfo()
            driver.detected = true
            driver.healthy = true
            node.drivers[name] = driver
        }
        return node
    }
}
