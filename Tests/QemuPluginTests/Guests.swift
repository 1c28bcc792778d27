import Glibc
import Linux
import PluginHostTestSupport
import Testing

/// Guests without an operating system: boot sectors, assembled with the machine's own tools.
enum BootSector {
    /// Why there are none; `nil` when there are.
    static let missing: String? = {
        for tool in ["qemu-system-x86_64", "as", "objcopy"] where system("command -v \(tool) >/dev/null") != 0 {
            return "needs \(tool): apt-get install qemu-system-x86 binutils"
        }
        return nil
    }()

    /// Says "hello" on the first serial port, writes "written" to the second sector of its disk and powers off.
    static let polite = """
        mov $1, %cx; xor %dx, %dx; mov $0x80, %dl; mov $0x7e00, %bx; mov $2, %cl
        xor %ax, %ax; mov %ax, %es; mov %ax, %ds
        mov $0x7c00 + text - start, %si; mov $0x7e00, %di; mov $9, %cx; cld; rep movsb
        mov $0x3f8, %dx; mov $0x7c00 + hello - start, %si
        next: lodsb; test %al, %al; jz said; out %al, %dx; jmp next
        said: mov $0x0301, %ax; mov $0x7e00, %bx; mov $2, %cx; mov $0x80, %dx; int $0x13
        mov $0x604, %dx; mov $0x2000, %ax; out %ax, %dx
        """

    /// Says "ready" and takes no notice of anything.
    static let deaf = """
        xor %ax, %ax; mov %ax, %ds; mov $0x3f8, %dx; mov $0x7c00 + ready - start, %si; cld
        next: lodsb; test %al, %al; jz said; out %al, %dx; jmp next
        said:
        """

    /// Makes a disk of 1 MiB that begins with `code`.
    static func install(_ code: String, at path: String) throws {
        let scratch = Scratch("sector")
        let source = """
            .code16
            start: \(code)
            halt: hlt; jmp halt
            text: .asciz "written\\n"
            hello: .asciz "hello\\n"
            ready: .asciz "ready\\n"
            .org 510
            .word 0xaa55
            .org 1048576
            """
        let file = try scratch.write("sector.s", Array((source + "\n").utf8))
        let command =
            "as -o \(scratch.path)/o \(file) && objcopy -O binary -j .text \(scratch.path)/o \(path) && chmod 666 \(path)"
        try #require(system(command) == 0)
    }
}

/// A small Linux: Debian's kernel and a busybox, booted from memory.
enum LinuxGuest {
    private static let folder = PluginBuilder.package + "/.build/guest"

    /// Why there is none; `nil` when there is.
    static let missing: String? = {
        if let missing = BootSector.missing { return missing }
        guard access(folder + "/vmlinuz", R_OK) == 0 else {
            return "needs .build/guest/vmlinuz: make setup downloads it"
        }
        guard system("busybox cpio --help >/dev/null 2>&1") == 0 else { return "needs busybox-static" }
        return nil
    }()

    /// Options of the emulator that boot `kernel` and `initrd` as ``install(_:in:)`` names them. Without guesses at timers a boot is
    /// shorter by seconds; a panic ends the machine.
    static let arguments = [
        "-kernel", "/local/vmlinuz", "-initrd", "/local/initrd", "-append",
        "console=ttyS0 quiet nokaslr mitigations=off no_timer_check tsc=reliable lpj=4000000 panic=-1",
    ]

    /// What every init begins with.
    private static let head = """
        #!/bin/busybox sh
        /bin/busybox --install -s /bin
        export PATH=/bin
        mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
        load() { for module in "$@"; do insmod /modules/$module.ko || echo "no module $module"; done; }

        """

    /// Puts the kernel and an initial file system with `script` as its init into `folder`.
    static func install(_ script: String, in target: String) throws {
        let scratch = Scratch("initrd")
        _ = try scratch.write("init", Array((head + script + "\npoweroff -f\n").utf8))
        let command = """
            cd \(scratch.path) && mkdir bin proc sys dev modules tmp && cp "$(command -v busybox)" bin/busybox \
            && cp \(folder)/*.ko modules/ && chmod 755 init && cp \(folder)/vmlinuz \(target)/vmlinuz \
            && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 > \(target)/initrd && chmod 644 \(target)/vmlinuz \(target)/initrd
            """
        try #require(system(command) == 0)
    }
}
