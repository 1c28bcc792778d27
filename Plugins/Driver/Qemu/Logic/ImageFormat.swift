/// The format of a disk image, as `-drive format=` names it.
///
/// It is told from the first bytes and then named: an emulator that guesses itself keeps a raw image's first sector from being
/// written (qemu docs: "Image format was not specified").
enum ImageFormat: String, Sendable {
    case raw, qcow, qcow2, qed, vdi, vhdx, vmdk, vpc

    /// Bytes of an image that are looked at.
    static let headBytes = 68

    /// The format of an image that begins with `head`; raw when no other is recognised.
    init(head: [UInt8]) {
        func begins(_ text: StaticString) -> Bool {
            head.starts(with: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        // docs/interop/qcow2.txt: "QFI\xfb", then the version, big-endian.
        if head.count >= 8, head.starts(with: [0x51, 0x46, 0x49, 0xfb]) {
            self = head[4...7].elementsEqual([0, 0, 0, 1]) ? .qcow : .qcow2
        } else if begins("QED\0") {
            self = .qed
        } else if begins("KDMV") || begins("COWD") || begins("# Disk DescriptorFile") {
            self = .vmdk
        } else if begins("vhdxfile") {
            self = .vhdx
        } else if begins("conectix") {
            self = .vpc
        } else if head.count >= 68, head[64...67].elementsEqual([0x7f, 0x10, 0xda, 0xbe]) {
            self = .vdi
        } else {
            self = .raw
        }
    }
}
