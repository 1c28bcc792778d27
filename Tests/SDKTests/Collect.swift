import CDroverABI
import DroverSDK

/// Runs a function that writes to a sink: its code and the bytes it wrote.
func collectBytes(_ body: (drover_sink) -> Int32?) -> (Int32, [UInt8]) {
    var bytes: [UInt8] = []
    let code = withUnsafeMutablePointer(to: &bytes) { pointer in
        body(
            drover_sink(context: UnsafeMutableRawPointer(pointer)) { context, bytes in
                context?.assumingMemoryBound(to: [UInt8].self).pointee.append(contentsOf: Array(bytes))
                return DROVER_OK
            })
    }
    return (code ?? DROVER_E_UNSUPPORTED, bytes)
}

/// The same for text.
func collect(_ body: (drover_sink) -> Int32?) -> (Int32, String) {
    let (code, bytes) = collectBytes(body)
    return (code, String(decoding: bytes, as: UTF8.self))
}
