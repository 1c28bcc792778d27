package import HCL

/// Finds and applies configuration files; how files are read is the caller's business, so tests need none.
package struct ConfigurationLoader {
    /// What a path is.
    package enum Kind: Sendable {
        case file, folder, absent
    }

    let kind: (String) -> Kind
    /// Names in a folder.
    let list: (String) throws -> [String]
    /// The whole content of a file.
    let read: (String) throws -> [UInt8]

    package init(
        kind: @escaping (String) -> Kind, list: @escaping (String) throws -> [String],
        read: @escaping (String) throws -> [UInt8]
    ) {
        self.kind = kind
        self.list = list
        self.read = read
    }

    /// Applies files, and of folders their `.hcl` and `.json` files in byte order, each over what came before.
    ///
    /// Hidden files and the temporary files of editors are passed over. A folder may be empty; an absent path is an
    /// error, because a misspelt one would start an agent with defaults.
    /// - Throws: the faults of all files together.
    package func apply(_ paths: [String], to settings: inout Configuration) throws(Diagnostics) {
        var faults = Diagnostics()
        for path in paths {
            for file in files(at: path, &faults) { apply(file, to: &settings, &faults) }
        }
        if faults.hasErrors { throw faults }
    }

    private func files(at path: String, _ faults: inout Diagnostics) -> [String] {
        switch kind(path) {
        case .file: return [path]
        case .absent:
            faults.append(
                Diagnostic("Missing configuration", "There is no file or folder \(path); check -config.", at: nil))
            return []
        case .folder:
            do {
                let names = try list(path).filter(Self.isConfiguration).sorted(by: Value.precedes)
                return names.map { path.hasSuffix("/") ? path + $0 : path + "/" + $0 }.filter { kind($0) == .file }
            } catch {
                faults.append(
                    Diagnostic("Unreadable configuration", "The folder \(path) cannot be listed: \(error)", at: nil))
                return []
            }
        }
    }

    private static func isConfiguration(_ name: String) -> Bool {
        (name.hasSuffix(".hcl") || name.hasSuffix(".json")) && !name.hasPrefix(".") && !name.hasPrefix("#")
    }

    private func apply(_ file: String, to settings: inout Configuration, _ faults: inout Diagnostics) {
        let bytes: [UInt8]
        do {
            bytes = try read(file)
        } catch {
            faults.append(Diagnostic("Unreadable configuration", "\(file) cannot be read: \(error)", at: nil))
            return
        }
        do throws(Diagnostics) {
            try settings.apply(bytes, file: file)
        } catch {
            for item in error.items { faults.append(item) }
        }
    }
}
