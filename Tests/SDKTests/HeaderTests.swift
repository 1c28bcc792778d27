import CDroverABI
import Testing

/// The headers and examples as authors meet them: through a C compiler.
@Suite("Headers and examples")
struct HeaderTests {
    @Test func theHashOfTheHeadersIsCurrent() throws {
        let (status, output) = try Compiler.run(["\(Compiler.sdk)/abi-hash", "--check"])
        #expect(status == 0, "\(output)")
    }

    @Test(arguments: [("cc", ["-std=c99"]), ("c++", ["-std=c++11", "-x", "c++"])])
    func headersCompileAlone(compiler: String, flags: [String]) throws {
        let headers = [
            "types", "plugin", "host", "executor", "driver", "fit", "scheduler", "scorer", "fingerprint", "device",
            "selftest", "signatures", "json", "drover",
        ]
        for header in headers {
            let (status, output) = try Compiler.compile(
                compiler, flags + ["-fsyntax-only", "-include", "drover/\(header).h", "/dev/null"])
            #expect(status == 0, "drover/\(header).h with \(compiler): \(output)")
        }
    }

    @Test(arguments: ["driver", "scheduler", "scorer", "fingerprint", "script", "device"])
    func examplesCompileWithoutWarnings(example: String) throws {
        let source = "\(Compiler.sdk)/examples/c/\(example).c"
        let (status, output) = try Compiler.compile("cc", ["-std=c99", "-fPIC", "-fsyntax-only", source])
        #expect(status == 0, "\(output)")
    }

    /// A table holds function pointers only, one a signature line: the marshaller goes by position.
    @Test(arguments: [
        (DROVER_DRIVER_1, MemoryLayout<drover_driver>.size), (DROVER_EXECUTOR_1, MemoryLayout<drover_executor>.size),
        (DROVER_SCHEDULER_1, MemoryLayout<drover_scheduler>.size),
        (DROVER_FINGERPRINT_1, MemoryLayout<drover_fingerprint>.size),
        (DROVER_DEVICE_1, MemoryLayout<drover_device>.size), (DROVER_SELFTEST_1, MemoryLayout<drover_selftest>.size),
        (DROVER_LOG_1, MemoryLayout<drover_log>.size), (DROVER_METRICS_1, MemoryLayout<drover_metrics>.size),
        (DROVER_EVENT_1, MemoryLayout<drover_event>.size), (DROVER_KV_1, MemoryLayout<drover_kv>.size),
        (DROVER_CLOCK_1, MemoryLayout<drover_clock>.size), (DROVER_DIRS_1, MemoryLayout<drover_dirs>.size),
        (DROVER_SCORERS_1, MemoryLayout<drover_scorers>.size),
    ])
    func everyOperationHasASignature(id: String, size: Int) throws {
        let lines = String(cString: try #require(drover_signatures(id))).split(separator: "\n")
        #expect(size == 8 + 8 * lines.count)
        let words = Set(["self", "i32", "i64", "u64", "f64", "text", "bytes", "fd", "block", "sink", "call", "void"])
        for line in lines {
            let parts = line.split(whereSeparator: { " :".contains($0) })
            #expect(Set(parts.dropFirst().map(String.init)).subtracting(["->"]).isSubset(of: words), "\(line)")
            #expect(line.contains("call") == line.hasSuffix("-> void") || id != DROVER_DRIVER_1, "\(line)")
        }
    }
}
