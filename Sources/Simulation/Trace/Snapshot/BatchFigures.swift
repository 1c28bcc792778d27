internal import CDroverABI

/// What a `drover_problem_batch` asks for in all.
struct BatchFigures {
    private(set) var instances = 0
    /// Thousandths of devices; an ask counts with what it wants of the kind of device of which it wants most.
    private(set) var deviceMilli: Int64 = 0

    /// `batch` was built by the agent's own code; `groupCount` are the device groups of the view that belongs to it.
    init(_ batch: UnsafeRawBufferPointer, groupCount: Int) {
        guard let base = batch.baseAddress else { return }
        let head = base.load(as: drover_problem_batch.self)
        for problem in base.records(head.problems, Int(head.problem_count), drover_problem.self) {
            for group in base.records(problem.groups, Int(problem.group_count), drover_group_ask.self) {
                instances += Int(group.count)
                for ask in base.records(group.devices, Int(group.device_count), drover_device_ask.self) {
                    let most = base.records(ask.shares, groupCount, UInt32.self).max() ?? 0
                    deviceMilli += Int64(group.count) * Int64(ask.count) * Int64(most)
                }
            }
        }
    }
}

extension UnsafeRawPointer {
    /// The elements of an array of a block that our own code built; none where the offset is 0.
    func records<Element: BitwiseCopyable>(_ offset: UInt64, _ count: Int, _ type: Element.Type) -> [Element] {
        guard offset != 0 else { return [] }
        return (0..<count).map { number in
            loadUnaligned(fromByteOffset: Int(offset) + number * MemoryLayout<Element>.stride, as: type)
        }
    }
}
