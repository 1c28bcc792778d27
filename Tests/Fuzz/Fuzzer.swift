import Foundation

/// Called by libFuzzer with one input after the other.
///
/// `DROVER_FUZZ` names the ``FuzzTarget``. With `DROVER_FUZZ_SEEDS` the process writes the target's seeds into that folder and ends.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Fuzzer.target.run(data.map { Array(UnsafeBufferPointer(start: $0, count: count)) } ?? [])
    return 0
}

@_cdecl("LLVMFuzzerInitialize")
public func beginFuzzing(
    _ count: UnsafeMutablePointer<CInt>?,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> CInt {
    guard let folder = ProcessInfo.processInfo.environment["DROVER_FUZZ_SEEDS"] else { return 0 }
    for (number, seed) in Seeds.of(Fuzzer.target).enumerated() {
        let file = URL(filePath: folder).appending(path: "seed-\(number)")
        do { try Data(seed).write(to: file) } catch { preconditionFailure("\(file.path()): \(error)") }
    }
    exit(0)
}

private enum Fuzzer {
    static let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["DROVER_FUZZ"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
            preconditionFailure("DROVER_FUZZ is \"\(name)\"; set it to one of \(names)")
        }
        return target
    }()
}
