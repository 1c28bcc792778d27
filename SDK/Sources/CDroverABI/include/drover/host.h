// Drover plug-in ABI: what the host offers every plug-in. (Starting processes is in executor.h, scorers in scorer.h.)
//
// `host->get_interface(id)` yields a table of functions that carry no context argument: the table is bound to the
// instance that received it, so log lines, keys, grants and limits are that instance's own. Any function may answer
// DROVER_E_REVOKED after `destroy`.
#ifndef DROVER_HOST_H
#define DROVER_HOST_H

#include "types.h"

DROVER_BEGIN

// The host, as handed to `create`.
typedef struct drover_host {
    uint32_t size;
    uint32_t abi_version;
    // The table for `id` (NUL-terminated), or null when this host does not offer it or the operator did not grant it.
    // Valid until the process ends. [quick]  since draft 1
    const void *DROVER_NULLABLE (*DROVER_NULLABLE get_interface)(const char *id);
} drover_host;

// ---- Log ----------------------------------------------------------------------------------------------------------
#define DROVER_LOG_1 "drover.log/1"
#define DROVER_LOG_TRACE 0
#define DROVER_LOG_DEBUG 1
#define DROVER_LOG_INFO 2
#define DROVER_LOG_WARN 3
#define DROVER_LOG_ERROR 4
typedef struct drover_log {
    uint32_t size;
    uint32_t reserved;
    // One line under the plug-in's name. `fields` is empty or a JSON object of text values with stable keys, such as
    // {"task":"..."}. Dropped, and counted, beyond 1,000 lines a second or 16 KiB a line. [quick]  since draft 1
    void (*DROVER_NULLABLE write)(int32_t level, drover_text message, drover_text fields);
} drover_log;
#define DROVER_LOG_1_SIGNATURES "write: i32 text text -> void\n"

// ---- Metrics ------------------------------------------------------------------------------------------------------
#define DROVER_METRICS_1 "drover.metrics/1"
typedef struct drover_metrics {
    uint32_t size;
    uint32_t reserved;
    // Adds `value` (at least 0) to a counter. Shown as drover.plugin.<plug-in>.<name>; `labels` is empty or a JSON
    // object of text values. At most 1,000 different series; later ones are dropped and counted. [quick]  since draft 1
    void (*DROVER_NULLABLE add)(drover_text name, double value, drover_text labels);
    // Sets a gauge. [quick]  since draft 1
    void (*DROVER_NULLABLE set)(drover_text name, double value, drover_text labels);
    // Records one sample of a distribution, in seconds for times. [quick]  since draft 1
    void (*DROVER_NULLABLE observe)(drover_text name, double value, drover_text labels);
} drover_metrics;
#define DROVER_METRICS_1_SIGNATURES                                                                                    \
    "add: text f64 text -> void\n"                                                                                     \
    "set: text f64 text -> void\n"                                                                                     \
    "observe: text f64 text -> void\n"

// ---- Events -------------------------------------------------------------------------------------------------------
#define DROVER_EVENT_1 "drover.event/1"
typedef struct drover_event {
    uint32_t size;
    uint32_t reserved;
    // Adds an event of type "Driver" to the task `id`: shown to the user by `alloc status`. `details` is empty or a
    // JSON object of text values. Errors: DROVER_E_NOT_FOUND, DROVER_E_LIMIT (message over 4 KiB). [quick]
    // since draft 1
    int32_t (*DROVER_NULLABLE task)(drover_text id, drover_text message, drover_text details);
    // Says that what the plug-in reports has changed, so that the host asks again now instead of at the next period:
    // "fingerprint", "devices", "health". Several before the host asks count as one. [quick]  since draft 1
    int32_t (*DROVER_NULLABLE changed)(drover_text what);
} drover_event;
#define DROVER_EVENT_1_SIGNATURES                                                                                      \
    "task: text text text -> i32\n"                                                                                    \
    "changed: text -> i32\n"

// ---- Key-value state ----------------------------------------------------------------------------------------------
#define DROVER_KV_1 "drover.kv/1"
// A small store of the plug-in's own (by plug-in name, shared by its instances) that survives the restart of plug-in,
// host process and agent, not the loss of the data folder. Keys 1 to 256 bytes, values to 64 KiB, 16 MiB in all;
// DROVER_E_LIMIT beyond.
typedef struct drover_kv {
    uint32_t size;
    uint32_t reserved;
    // Writes the value to `out`. Errors: DROVER_E_NOT_FOUND, DROVER_E_IO. [any]  since draft 1
    int32_t (*DROVER_NULLABLE get)(drover_text key, drover_sink out);
    // Stores a copy of `value`; kept over a kill of any process once this has returned. Errors: DROVER_E_LIMIT,
    // DROVER_E_IO. [any]  since draft 1
    int32_t (*DROVER_NULLABLE put)(drover_text key, drover_bytes value);
    // Forgets the key; no error when it is absent. Errors: DROVER_E_IO. [any]  since draft 1
    int32_t (*DROVER_NULLABLE remove)(drover_text key);
    // Writes the keys that begin with `prefix`, sorted by bytes, as a JSON array of texts. Errors: DROVER_E_IO. [any]
    // since draft 1
    int32_t (*DROVER_NULLABLE list)(drover_text prefix, drover_sink out);
} drover_kv;
#define DROVER_KV_1_SIGNATURES                                                                                         \
    "get: text sink -> i32\n"                                                                                          \
    "put: text bytes -> i32\n"                                                                                         \
    "remove: text -> i32\n"                                                                                            \
    "list: text sink -> i32\n"

// ---- Clock --------------------------------------------------------------------------------------------------------
#define DROVER_CLOCK_1 "drover.clock/1"
// Time, timers and randomness. Use these and no other, and the plug-in also runs in the simulator, where time is
// simulated and a seed decides everything.
typedef struct drover_clock {
    uint32_t size;
    uint32_t reserved;
    // Nanoseconds of a clock that never steps back; only differences mean anything. Deadlines are on it. [quick]
    // since draft 1
    int64_t (*DROVER_NULLABLE monotonic_ns)(void);
    // Nanoseconds since 1970-01-01 UTC. [quick]  since draft 1
    int64_t (*DROVER_NULLABLE wall_ns)(void);
    // 64 random bits. [quick]  since draft 1
    uint64_t (*DROVER_NULLABLE random)(void);
    // Completes `call` with DROVER_OK after `delay_ns` (0 or less: soon), on a host thread; with DROVER_E_CANCELLED
    // when cancelled, DROVER_E_REVOKED on destroy. Returns at once. [quick]  since draft 1
    void (*DROVER_NULLABLE sleep)(int64_t delay_ns, drover_call call);
} drover_clock;
#define DROVER_CLOCK_1_SIGNATURES                                                                                      \
    "monotonic_ns: -> i64\n"                                                                                           \
    "wall_ns: -> i64\n"                                                                                                \
    "random: -> u64\n"                                                                                                 \
    "sleep: i64 call -> void\n"

// ---- Folders ------------------------------------------------------------------------------------------------------
#define DROVER_DIRS_1 "drover.dirs/1"
typedef struct drover_dirs {
    uint32_t size;
    uint32_t reserved;
    // Writes the absolute path of a folder of the task `id`, which exists: "alloc" (shared by the allocation's tasks),
    // "task" (its root), "local", "secrets", "logs". Errors: DROVER_E_NOT_FOUND, DROVER_E_INVALID (the name). [any]
    // since draft 1
    int32_t (*DROVER_NULLABLE task)(drover_text id, drover_text name, drover_sink out);
    // Writes the absolute path of the plug-in's own writable folder, made on first use; kept over restarts. Errors:
    // DROVER_E_IO. [any]  since draft 1
    int32_t (*DROVER_NULLABLE own)(drover_sink out);
} drover_dirs;
#define DROVER_DIRS_1_SIGNATURES                                                                                       \
    "task: text text sink -> i32\n"                                                                                    \
    "own: sink -> i32\n"

DROVER_END

#endif
