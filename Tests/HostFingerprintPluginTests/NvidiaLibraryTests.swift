import Glibc
import PluginSupport
import Testing

@testable import HostFingerprintPlugin

/// The run-time binding to libnvidia-ml, against a library with the documented layouts that the test compiles.
@Suite("libnvidia-ml")
struct NvidiaLibraryTests {
    static let source = """
        #include <string.h>
        typedef struct { unsigned long long total, free, used; } memory;
        typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char busId[32]; } pci;
        typedef struct { unsigned gpu, memory; } utilization;
        static int initialized;
        int nvmlInit_v2(void) { initialized = 1; return 0; }
        int nvmlShutdown(void) { initialized = 0; return 0; }
        int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return initialized ? 0 : 1; }
        int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
            *device = (void *)(unsigned long)(index + 1);
            return index == 0 ? 0 : 15; /* the second is lost */
        }
        int nvmlDeviceGetName(void *device, char *name, unsigned length) {
            (void)device; strncpy(name, "NVIDIA H200", length); return 0;
        }
        int nvmlDeviceGetUUID(void *device, char *uuid, unsigned length) {
            (void)device; strncpy(uuid, "GPU-abc", length); return 0;
        }
        int nvmlDeviceGetMinorNumber(void *device, unsigned *minor) { (void)device; *minor = 3; return 0; }
        int nvmlDeviceGetMemoryInfo(void *device, memory *m) {
            (void)device; m->total = 5ull << 30; m->free = 3ull << 30; m->used = 2ull << 30; return 0;
        }
        int nvmlDeviceGetPciInfo_v3(void *device, pci *p) {
            (void)device; memset(p, 0, sizeof *p); strcpy(p->busId, "00000000:4A:00.0"); return 0;
        }
        int nvmlDeviceGetUtilizationRates(void *device, utilization *u) { (void)device; (void)u; return 3; }
        int nvmlSystemGetDriverVersion(char *version, unsigned length) { strncpy(version, "550.54", length); return 0; }
        """

    @Test func readsWhatTheLibraryReports() throws {
        let folder = try #require(mkdtemp(strdup("/tmp/drover-nvml-XXXXXX")).map { String(cString: $0) })
        defer {
            for name in SmallFile.names(in: folder) { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        try #require(SmallFile.append(Array(Self.source.utf8), to: "\(folder)/fake.c") == 0)
        let path = "\(folder)/libfake.so"
        try #require(run(["/usr/bin/env", "cc", "-shared", "-fPIC", "-o", path, "\(folder)/fake.c"]) == 0)
        let report = try #require(NvidiaLibrary(names: ["libnot-there.so", path])?.report())
        let gpu = NvidiaReport.GPU(
            uuid: "GPU-abc", model: "NVIDIA H200", memoryBytes: 5 << 30, busID: "0000:4a:00.0", minor: 3,
            memoryUsedBytes: 2 << 30, utilizationPercent: nil)
        #expect(report == NvidiaReport(driverVersion: "550.54", gpus: [gpu]), "a lost GPU is left out")
    }

    @Test func anAbsentLibraryIsNone() {
        #expect(NvidiaLibrary(names: ["libnot-there.so"]) == nil)
    }

    private func run(_ command: [String]) -> Int32 {
        var arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        guard posix_spawn(&pid, command[0], nil, nil, &arguments, environ) == 0 else { return -1 }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return status
    }
}
