internal import CDroverABI
internal import Glibc

/// A plug-in's library in this process: opened, its table checked field by field. Never unmapped (DESIGN §4: RTLD_NODELETE).
final class LoadedLibrary: @unchecked Sendable {
    let path: String
    let manifest: Manifest
    /// Static in the library.
    let table: UnsafePointer<drover_plugin>

    /// Opens the library at `path`, whose file says `manifest`.
    /// - Throws: ``PluginError/Code/abi`` naming the field and both values, or ``PluginError/Code/invalid``.
    init(path: String, manifest: Manifest) throws(PluginError) {
        self.path = path
        self.manifest = manifest
        guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
            let reason = dlerror().map { String(cString: $0) } ?? "no reason given"
            throw PluginError(.invalid, "cannot load \(path): \(reason)")
        }
        guard let symbol = dlsym(handle, DROVER_ENTRY_SYMBOL) else {
            throw PluginError(.invalid, "\(path) does not export \(DROVER_ENTRY_SYMBOL): define it with DROVER_EXPORT")
        }
        typealias Entry = @convention(c) () -> UnsafePointer<drover_plugin>?
        guard let table = unsafeBitCast(symbol, to: Entry.self)() else {
            throw PluginError(.abi, "\(path): \(DROVER_ENTRY_SYMBOL)() returned null")
        }
        self.table = table
        try LoadedLibrary.check(table, manifest: manifest, path: path)
    }

    private static func check(
        _ pointer: UnsafePointer<drover_plugin>, manifest: Manifest, path: String
    ) throws(PluginError) {
        func wrong(_ field: String, _ found: String, _ wanted: String) -> PluginError {
            PluginError(.abi, "\(path): field \(field) of the plug-in's table is \(found), expected \(wanted)")
        }
        let size = Int(pointer.pointee.size)
        guard size >= MemoryLayout<drover_plugin>.size else {
            throw wrong("size", "\(size)", "at least \(MemoryLayout<drover_plugin>.size)")
        }
        let table = pointer.pointee
        guard table.magic == DROVER_ABI_MAGIC else {
            throw wrong("magic", hex(table.magic), hex(DROVER_ABI_MAGIC))
        }
        let hash = String(decoding: UnsafeBufferPointer(table.abi_hash), as: UTF8.self)
        try Manifest.checkABI(version: Int64(table.abi_version), hash: hash, what: "\(path): plug-in's table")
        let live = UnsafeBufferPointer(table.manifest).filter { $0 != 0 }
        guard live == manifest.text else {
            throw wrong("manifest", "\(live.count) other bytes", "what section \(DROVER_MANIFEST_SECTION) holds")
        }
        guard table.create != nil else { throw wrong("create", "null", "a function") }
        guard table.get_interface != nil else { throw wrong("get_interface", "null", "a function") }
        guard table.destroy != nil else { throw wrong("destroy", "null", "a function") }
    }

    private static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}

extension UnsafeBufferPointer<UInt8> {
    /// The bytes that ABI text or bytes borrow.
    init(_ bytes: drover_bytes) { self.init(start: bytes.data, count: Int(clamping: bytes.length)) }
}

extension Array<UInt8> {
    /// A copy of what ABI text or bytes borrow.
    init(_ bytes: drover_bytes) { self.init(UnsafeBufferPointer<UInt8>(bytes)) }

    /// Lends the array as ABI bytes for the duration of `body`.
    func withABI<Result>(_ body: (drover_bytes) -> Result) -> Result {
        withUnsafeBufferPointer { body(drover_bytes(data: $0.baseAddress, length: UInt64($0.count))) }
    }
}
