internal import Glibc

/// A NULL-terminated array of C strings, for argv and envp; freed with the object.
package final class CStringArray {
    package let pointers: [UnsafeMutablePointer<CChar>?]
    package let base: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    package init(_ texts: [String]) {
        pointers = texts.map { strdup($0) } + [nil]
        base = .allocate(capacity: pointers.count)
        base.initialize(from: pointers, count: pointers.count)
    }

    deinit {
        for pointer in pointers { free(pointer) }
        base.deallocate()
    }
}
