import Glibc
import Linux

/// What lies in a server's data folder.
enum DataFolder {
    /// Space that the folder's files take on disk, in MiB; those that vanish meanwhile count nothing.
    static func mebibytes(_ path: String) -> Double { files(path).reduce(0) { $0 + $1.mebibytes } }

    /// Its files with their sizes.
    static func listing(_ path: String) -> String {
        files(path).sorted { $0.name < $1.name }.map { "\($0.name) \(rounded($0.mebibytes)) MiB" }
            .joined(separator: ", ")
    }

    private static func files(_ path: String) -> [(name: String, mebibytes: Double)] {
        ((try? SystemDisk().list(path)) ?? []).flatMap { name -> [(name: String, mebibytes: Double)] in
            var status = stat()
            guard stat("\(path)/\(name)", &status) == 0 else { return [] }
            if status.st_mode & S_IFMT == S_IFDIR { return files("\(path)/\(name)") }
            return [(name, Double(status.st_blocks) * 512 / Double(1 << 20))]
        }
    }
}
