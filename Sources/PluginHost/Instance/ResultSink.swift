internal import CDroverABI

/// Collects what an operation writes to its `drover_sink`; used by one thread, until the operation returns.
final class ResultSink {
    /// Further bytes are refused with DROVER_E_LIMIT.
    static let bytesMax = 64 << 20

    private(set) var bytes: [UInt8] = []
    private(set) var isOverfull = false

    /// The sink to hand out; valid as long as this object lives.
    var raw: drover_sink {
        drover_sink(context: Unmanaged.passUnretained(self).toOpaque()) { context, bytes in
            guard let context else { return DROVER_E_INTERNAL }
            return Unmanaged<ResultSink>.fromOpaque(context).takeUnretainedValue().append(bytes)
        }
    }

    private func append(_ more: drover_bytes) -> Int32 {
        guard more.length <= UInt64(ResultSink.bytesMax - bytes.count) else {
            isOverfull = true
            return DROVER_E_LIMIT
        }
        bytes.append(contentsOf: UnsafeBufferPointer(more))
        return DROVER_OK
    }
}
