internal import Glibc
internal import Linux

/// Sections of a shared library, read from the file without loading it (System V ABI, chapter 4; 64-bit, little-endian).
///
/// Nothing in the file is believed: offsets and counts are checked against its size, and every refusal says what is wrong.
package struct ELFFile {
    package let path: String
    private let file: FileDescriptor
    private let size: UInt64
    private let sections: [Section]

    private struct Section {
        var name: UInt32
        var offset: UInt64
        var size: UInt64
    }

    /// Sections, and bytes of one section read whole, at most.
    package static let sectionsMax = 4_096
    package static let sectionBytesMax: UInt64 = 1 << 20

    private static let headerBytes = 64
    private static let sectionHeaderBytes: UInt64 = 64
    private let namesIndex: Int

    /// Opens a library for this machine's processor.
    /// - Throws: ``PluginError/Code/invalid`` when it is none, truncated, or built for another machine;
    ///   ``PluginError/Code/io`` when it cannot be read.
    package init(path: String) throws(PluginError) {
        self.path = path
        do {
            file = try FileDescriptor(path: path, flags: O_RDONLY)
            size = try ELFFile.size(of: file, path)
        } catch {
            throw PluginError(error.errno == ENOENT ? .notFound : .io, "\(error)")
        }
        let header = try ELFFile.read(
            file, path, size, at: 0, count: UInt64(ELFFile.headerBytes), what: "the ELF header")
        try ELFFile.check(header, path)
        let tableOffset = ELFFile.u64(header, 40)
        let entryBytes = UInt64(ELFFile.u16(header, 58))
        let count = Int(ELFFile.u16(header, 60))
        namesIndex = Int(ELFFile.u16(header, 62))
        guard count > 0, count <= ELFFile.sectionsMax, entryBytes == ELFFile.sectionHeaderBytes, namesIndex < count
        else {
            throw ELFFile.wrong(
                path, "it has no section table (\(count) sections); do not strip section headers (sstrip)")
        }
        let table = try ELFFile.read(
            file, path, size, at: tableOffset, count: UInt64(count) * entryBytes, what: "the section table")
        sections = (0..<count).map { index in
            let at = index * Int(entryBytes)
            return Section(
                name: ELFFile.u32(table, at), offset: ELFFile.u64(table, at + 24), size: ELFFile.u64(table, at + 32))
        }
    }

    /// The content of the section `name`, or nil when the file has none.
    package func section(named name: String) throws(PluginError) -> [UInt8]? {
        let names = try content(sections[namesIndex], what: "the section names")
        for section in sections where ELFFile.equal(names, at: Int(section.name), name) {
            return try content(section, what: "section \(name)")
        }
        return nil
    }

    private func content(_ section: Section, what: String) throws(PluginError) -> [UInt8] {
        guard section.size <= ELFFile.sectionBytesMax else {
            throw ELFFile.wrong(path, "\(what) has \(section.size) bytes; at most \(ELFFile.sectionBytesMax) are read")
        }
        return try ELFFile.read(file, path, size, at: section.offset, count: section.size, what: what)
    }

    // MARK: - Bytes

    private static func check(_ header: [UInt8], _ path: String) throws(PluginError) {
        guard header.starts(with: [0x7f, UInt8(ascii: "E"), UInt8(ascii: "L"), UInt8(ascii: "F")]) else {
            throw wrong(path, "it does not begin with the ELF magic; a plug-in is a shared library (cc -shared)")
        }
        guard header[4] == 2 else { throw wrong(path, "it is for 32-bit machines; Drover's plug-ins are 64-bit") }
        guard header[5] == 1 else { throw wrong(path, "it is big-endian; this machine is little-endian") }
        let machine = u16(header, 18)
        guard machine == machineHere.number else {
            let name = machines[machine] ?? "an unknown machine"
            throw wrong(path, "it is built for \(name) (ELF machine \(machine)), this machine is \(machineHere.name)")
        }
        let type = u16(header, 16)
        guard type == 3 else {
            throw wrong(path, "it is no shared library (ELF type \(type), wanted 3); link with -shared")
        }
    }

    private static let machines: [UInt16: String] = [
        3: "x86", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv", 21: "powerpc64", 22: "s390",
    ]

    private static var machineHere: (number: UInt16, name: String) {
        #if arch(x86_64)
            (62, "x86_64")
        #elseif arch(arm64)
            (183, "aarch64")
        #else
            (243, "riscv")
        #endif
    }

    private static func size(of file: FileDescriptor, _ path: String) throws(LinuxError) -> UInt64 {
        var status = stat()
        let number = file.number
        try systemCall("fstat", path) { fstat(number, &status) }
        return UInt64(status.st_size)
    }

    private static func read(
        _ file: FileDescriptor, _ path: String, _ size: UInt64, at offset: UInt64, count: UInt64, what: String
    ) throws(PluginError) -> [UInt8] {
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, end <= size else {
            throw wrong(
                path, "it is truncated: \(what) would end at byte \(overflow ? .max : end) of \(size); copy it again")
        }
        var bytes = [UInt8](repeating: 0, count: Int(count))
        var done = 0
        while done < bytes.count {
            do {
                let got = try systemCall("read", path) {
                    bytes.withUnsafeMutableBytes {
                        pread(file.number, $0.baseAddress?.advanced(by: done), $0.count - done, off_t(offset) + done)
                    }
                }
                guard got > 0 else { throw wrong(path, "it became shorter while it was read") }
                done += got
            } catch let error as LinuxError {
                throw PluginError(.io, "\(error)")
            } catch {
                throw wrong(path, "it became shorter while it was read")
            }
        }
        return bytes
    }

    private static func wrong(_ path: String, _ reason: String) -> PluginError {
        PluginError(.invalid, "\(path) is not a plug-in for this machine: \(reason)")
    }

    private static func equal(_ names: [UInt8], at start: Int, _ name: String) -> Bool {
        let wanted = Array(name.utf8) + [0]
        return start >= 0 && start + wanted.count <= names.count && names[start...].starts(with: wanted)
    }

    private static func u16(_ bytes: [UInt8], _ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }

    private static func u32(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        UInt32(u16(bytes, at)) | UInt32(u16(bytes, at + 2)) << 16
    }

    private static func u64(_ bytes: [UInt8], _ at: Int) -> UInt64 {
        UInt64(u32(bytes, at)) | UInt64(u32(bytes, at + 4)) << 32
    }
}
