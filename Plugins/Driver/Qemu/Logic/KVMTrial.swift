internal import DroverSDK
internal import Glibc
internal import PluginSupport

/// Whether guests really run under KVM here: found out by running one.
///
/// A device /dev/kvm that opens proves little: inside some virtual machines guests hang as soon as they leave real mode. So a tiny
/// guest goes the way of every kernel - protected mode, paging, long mode - and then tells qemu to exit, within a bounded time.
enum KVMTrial {
    /// How long the guest may take, which needs some 200 ms, and how long the second time, should the first have been too short for a
    /// machine under load.
    private static let (secondsMax, secondsMaxAgain): (Int64, Int64) = (6, 30)
    /// What qemu's isa-debug-exit makes of the 0x10 that the guest writes: (value << 1) | 1.
    private static let success: Int32 = 33

    /// "" when a guest ran, else why it did not, twice: an answer for as long as this machine runs.
    ///
    /// - Throws: ``PluginError`` as ``run(_:folder:options:secondsMax:)``.
    static func answer(_ path: String, folder: String) throws(PluginError) -> String {
        let first = try run(path, folder: folder)
        return first.isEmpty ? first : try run(path, folder: folder, secondsMax: secondsMaxAgain)
    }

    /// Runs the guest with the emulator at `path`, and returns "" when it ran, else why it did not. `folder` is a place for its
    /// firmware file; `options` choose the accelerator as a task's command line does.
    ///
    /// - Throws: ``PluginError`` for what kept the guest from being tried, which may pass.
    static func run(
        _ path: String, folder: String, options: [String] = ["-accel", "kvm", "-cpu", "host"],
        secondsMax: Int64 = KVMTrial.secondsMax
    ) throws(PluginError) -> String {
        var template = Array("\(folder)/kvm-trial-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw PluginError(.io, "cannot make a file in \(folder): \(String(cString: strerror(errno)))")
        }
        let file = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(file) }
        let error = SmallFile.write(firmware, to: descriptor)
        close(descriptor)
        guard error == 0 else { throw PluginError(.io, "cannot write \(file): \(String(cString: strerror(error)))") }
        // Should this process be killed meanwhile, timeout(1) still ends a guest that hangs.
        guard let limiter = ProgramPath.find("timeout") else {
            throw PluginError(.notFound, "there is no program \"timeout\" to bound the trial: install coreutils")
        }
        let words =
            [
                limiter, "--signal=KILL", "\(secondsMax)", path, "-machine", "pc", "-m", "16", "-nodefaults",
                "-display", "none", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-bios", file,
            ] + options
        switch ProgramRun.of(words, millisecondsMax: secondsMax * 1_000 + 2_000) {
        case .ended(success, _): return ""
        case .ended(137, _), .tookTooLong: return "a guest did not run to its end within \(secondsMax) s"
        case .ended(let code, let output):
            let line = output.split(separator: "\n").first.map { ": " + SmallFile.trim($0.prefix(200)) } ?? ""
            return "a guest could not be started (\(code))\(line)"
        case .notStarted(let reason): throw PluginError(.retry, reason)
        }
    }

    /// 64 KiB that end at 4 GiB, as firmware does: the processor begins at the last 16 bytes.
    static var firmware: [UInt8] { [UInt8](repeating: 0, count: 0x1_0000 - code.count) + code }

    /// The last 256 bytes. Each line: where it lies from 0xffffff00 on, and what it does.
    private static let code: [UInt8] =
        [
            0xfa,  // 00 cli
            0x2e, 0x66, 0x0f, 0x01, 0x16, 0xa8, 0xff,  // 01 lgdtl %cs:0xffa8
            0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0,  // 08 cr0 |= PE: protected mode
            0x66, 0xea, 0x18, 0xff, 0xff, 0xff, 0x08, 0x00,  // 10 ljmpl $8, $0xffffff18
            0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8,  // 18 ds = 0x10
            0xc7, 0x05, 0x00, 0x10, 0x00, 0x00, 0x07, 0x20, 0x00, 0x00,  // 1e level 4, entry 0: table at 0x2000
            0xc7, 0x05, 0x00, 0x20, 0x00, 0x00, 0x07, 0x30, 0x00, 0x00,  // 28 level 3, entry 0: table at 0x3000
            0xc7, 0x05, 0x18, 0x20, 0x00, 0x00, 0x07, 0x40, 0x00, 0x00,  // 32 level 3, entry 3: table at 0x4000
            0xc7, 0x05, 0x00, 0x30, 0x00, 0x00, 0x83, 0x00, 0x00, 0x00,  // 3c the first 2 MiB
            0xc7, 0x05, 0xf8, 0x4f, 0x00, 0x00, 0x83, 0x00, 0xe0, 0xff,  // 46 the last 2 MiB below 4 GiB
            0xb8, 0x20, 0x00, 0x00, 0x00, 0x0f, 0x22, 0xe0,  // 50 cr4 = PAE
            0xb8, 0x00, 0x10, 0x00, 0x00, 0x0f, 0x22, 0xd8,  // 58 cr3 = 0x1000
            0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x80, 0xcc, 0x01, 0x0f, 0x30,  // 60 EFER |= LME
            0x0f, 0x20, 0xc0, 0x0d, 0x00, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0,  // 6c cr0 |= PG: paging, long mode
            0xea, 0x7e, 0xff, 0xff, 0xff, 0x18, 0x00,  // 77 ljmp $0x18, $0xffffff7e
            0xb0, 0x10, 0xe6, 0xf4,  // 7e outb $0x10, $0xf4: qemu exits
            0xf4, 0xeb, 0xfd, 0x8d, 0x74, 0x00,  // 82 hlt, for ever; filling
            0, 0, 0, 0, 0, 0, 0, 0,  // 88 descriptors: none
            0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xcf, 0x00,  // 90 0x08: 32-bit code
            0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00,  // 98 0x10: data
            0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xaf, 0x00,  // a0 0x18: 64-bit code
            0x1f, 0x00, 0x88, 0xff, 0xff, 0xff,  // a8 four descriptors at 0xffffff88
        ] + [UInt8](repeating: 0, count: 0xf0 - 0xae)
        + [0xe9, 0x0d, 0xff] + [UInt8](repeating: 0, count: 13)  // f0 where the processor begins: jmp to 00
}
