// Drover plug-in ABI: the types every other header uses. C99, also C++. Draft 1: see plugin.h on versions.
//
// Rules that hold everywhere, so that no function repeats them:
//   Ownership   Whoever allocates frees. Arguments are borrowed until the function returns (or, for a function that
//               takes a `drover_call`, its text and bytes still only until it RETURNS: copy what you keep).
//               Results go into a `drover_sink`, or into `complete` of a `drover_call`; both copy before they return.
//   Errors      A code below; 0 is success. With a code other than 0 the sink, or `complete`, receives a message in
//               UTF-8 in place of a result: what failed, on what, what to do.
//   Unwinding   No exception, panic or longjmp crosses a function of this ABI.
//   Threads     Each function names its class:
//               [any]     from any thread, several at once; may block up to its deadline unless it says otherwise
//               [serial]  from any thread, one at a time for one instance
//               [task]    from any thread, one at a time for one task id (`wait` counts apart)
//               [quick]   like [any] and returns within about a millisecond: no I/O, no lock held across I/O
//   Text        UTF-8, pointer and length, not NUL-terminated; length 0 may come with a null pointer.
//   Documents   Text called JSON is one RFC 8259 value of at most 1 MiB. Unknown keys are ignored by readers, except
//               in plug-in and task configuration, which the host checks against the manifest's schema first.
#ifndef DROVER_TYPES_H
#define DROVER_TYPES_H

#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#define DROVER_NULLABLE _Nullable
#define DROVER_PRAGMAS_BEGIN                                                                                           \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wnullability-extension\"")                   \
        _Pragma("clang assume_nonnull begin")
#define DROVER_PRAGMAS_END _Pragma("clang assume_nonnull end") _Pragma("clang diagnostic pop")
#else
#define DROVER_NULLABLE
#define DROVER_PRAGMAS_BEGIN
#define DROVER_PRAGMAS_END
#endif

#if defined(__cplusplus)
#define DROVER_BEGIN extern "C" { DROVER_PRAGMAS_BEGIN
#define DROVER_END DROVER_PRAGMAS_END }
#else
#define DROVER_BEGIN DROVER_PRAGMAS_BEGIN
#define DROVER_END DROVER_PRAGMAS_END
#endif

// Marks the one symbol a plug-in exports.
#define DROVER_EXPORT __attribute__((visibility("default")))

DROVER_BEGIN

// Codes. Negative values not listed are treated as DROVER_E_INTERNAL, positive ones as a protocol violation.
#define DROVER_OK 0
#define DROVER_E_INVALID (-1)      // an argument or a configuration key is wrong; the message names it
#define DROVER_E_NOT_FOUND (-2)    // no such task, file, image, key or interface
#define DROVER_E_EXISTS (-3)       // it is there already and differs from what was asked for
#define DROVER_E_UNSUPPORTED (-4)  // this plug-in, or this machine, cannot do that
#define DROVER_E_RETRY (-5)        // failed for a passing reason; the same call may succeed later or elsewhere
#define DROVER_E_CANCELLED (-6)    // ended because the caller cancelled
#define DROVER_E_DEADLINE (-7)     // ended because the deadline passed
#define DROVER_E_REVOKED (-8)      // the host table belongs to an instance that has been destroyed
#define DROVER_E_LIMIT (-9)        // a documented size or count would be exceeded
#define DROVER_E_DENIED (-10)      // not permitted: by the operating system or by the operator's grants
#define DROVER_E_IO (-11)          // the operating system reported an error; the message has call, path and errno
#define DROVER_E_INTERNAL (-12)    // a defect in the callee
#define DROVER_E_STATE (-13)       // not possible in the present state, such as a signal to a task that has ended
#define DROVER_E_ABI (-14)         // the two sides were built from different headers

// Borrowed bytes.
typedef struct drover_bytes {
    const uint8_t *DROVER_NULLABLE data;
    uint64_t length;
} drover_bytes;

// Borrowed UTF-8 text: the same layout as bytes.
typedef drover_bytes drover_text;

// Where a function puts results. One `write` carries one or more whole records, or one whole document.
// Copy the sink freely; use it only until the function that received it returns.
typedef struct drover_sink {
    void *DROVER_NULLABLE context;
    // Append. `bytes` is copied. Errors: DROVER_E_LIMIT (more than the host takes), DROVER_E_CANCELLED; stop writing
    // and return the code. [the calling thread]  since draft 1
    int32_t (*DROVER_NULLABLE write)(void *DROVER_NULLABLE context, drover_bytes bytes);
} drover_sink;

// Functions behind a `drover_call`; `context` is the call's own.
typedef struct drover_call_functions {
    uint32_t size;
    uint32_t reserved;
    // Finish the call: exactly once, from any thread, even inside the function that received it. `result` is the
    // result, or a message when `code` is an error, and is copied. Afterwards the call must not be touched.
    // [quick]  since draft 1
    void (*DROVER_NULLABLE complete)(void *DROVER_NULLABLE context, int32_t code, drover_bytes result);
    // 1 when the caller no longer wants the result; then complete soon with DROVER_E_CANCELLED. Null: never cancelled.
    // [quick]  since draft 1
    int32_t (*DROVER_NULLABLE cancelled)(void *DROVER_NULLABLE context);
    // Ask for `notify(argument)` once on cancellation: from any thread, at once when already cancelled. It may still
    // arrive while, or just after, another thread completes the call: so let `argument` be a number to look up, or
    // memory that is never freed. A second registration replaces the first. Null: never cancelled. [quick]
    // since draft 1
    void (*DROVER_NULLABLE on_cancel)(void *DROVER_NULLABLE context,
                                      void (*DROVER_NULLABLE notify)(void *DROVER_NULLABLE argument),
                                      void *DROVER_NULLABLE argument);
} drover_call_functions;

// A long operation under way: completion, cancellation and deadline in one. Copy it freely and hand it on: a driver
// may pass the call it was given straight to the executor. Whoever starts an operation makes the call.
typedef struct drover_call {
    void *DROVER_NULLABLE context;
    const drover_call_functions *DROVER_NULLABLE functions;
    int64_t deadline_ns;  // on the clock of drover.clock/1 `monotonic_ns`; 0: none
} drover_call;

// Head of a flat block: one contiguous piece of memory, 8-byte aligned, that may lie in shared memory and therefore
// holds offsets from its own start in place of pointers; offset 0 means absent. Numbers are in machine byte order.
typedef struct drover_block {
    uint64_t length;       // bytes of the whole block, this head included
    uint32_t struct_size;  // bytes of the struct the head begins; a field is there only if this covers it
    uint32_t reserved;
} drover_block;

// The array (or struct) at `offset` of `block`; null when offset is 0. Cast it to the type the field names.
static inline const void *DROVER_NULLABLE drover_at(const void *block, uint64_t offset) {
    return offset == 0 ? (const void *)0 : (const void *)((const uint8_t *)block + offset);
}

// Whether `field` is inside the part of the table or struct `pointer` that its maker knew.
#define DROVER_HAS(type, pointer, field)                                                                               \
    ((pointer)->size >= (uint32_t)((const char *)&(pointer)->field - (const char *)(pointer)) +                        \
                            (uint32_t)sizeof((pointer)->field))

// Text of a NUL-terminated string; borrowed from it.
static inline drover_text drover_text_of(const char *string) {
    drover_text text;
    text.data = (const uint8_t *)string;
    text.length = (uint64_t)strlen(string);
    return text;
}

// Writes `string` as the whole result (or message) and returns `code`, or the sink's own error.
static inline int32_t drover_reply(drover_sink out, int32_t code, const char *string) {
    const int32_t written = out.write ? out.write(out.context, drover_text_of(string)) : DROVER_OK;
    return code != DROVER_OK ? code : written;
}

// Completes `call` with a NUL-terminated result or message.
static inline void drover_complete(drover_call call, int32_t code, const char *string) {
    if (call.functions && call.functions->complete) {
        call.functions->complete(call.context, code, drover_text_of(string));
    }
}

DROVER_END

// Signature lines. Every interface table is `uint32_t size, uint32_t reserved` and then function pointers only; a
// macro NAME_SIGNATURES beside it has one line per pointer, in the same order: "name: argument... -> result\n". With
// it one generic marshaller carries any operation to another process, records it or fuzzes it. Words:
//   self  void *, the instance          i32 i64 u64 f64  numbers           text bytes  drover_bytes by value
//   fd    int32_t, an open descriptor   block  const void * to a drover_block  sink, call  by value   void  no result
// A third party's own interface brings its lines in the manifest under "signatures".
#endif
