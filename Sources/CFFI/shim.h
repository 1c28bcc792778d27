// libffi, for PluginHost/FFI only. Its type descriptions are mutable globals, which Swift 6 does not let pass: these
// functions give their addresses.
#ifndef CFFI_SHIM_H
#define CFFI_SHIM_H

#include <ffi.h>

static inline ffi_type *cffi_void(void) { return &ffi_type_void; }
static inline ffi_type *cffi_pointer(void) { return &ffi_type_pointer; }
static inline ffi_type *cffi_i32(void) { return &ffi_type_sint32; }
static inline ffi_type *cffi_i64(void) { return &ffi_type_sint64; }
static inline ffi_type *cffi_u64(void) { return &ffi_type_uint64; }
static inline ffi_type *cffi_f64(void) { return &ffi_type_double; }
static inline ffi_status cffi_prepare(ffi_cif *cif, unsigned count, ffi_type *result, ffi_type **arguments) {
    return ffi_prep_cif(cif, FFI_DEFAULT_ABI, count, result, arguments);
}

#endif
