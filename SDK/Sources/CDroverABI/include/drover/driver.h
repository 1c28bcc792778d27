// Drover plug-in ABI: `drover.driver/1`, how tasks of one kind are started, watched and ended.
//
// Life of a task: the host stores its id, calls `start`, stores the handle, calls `wait`. After a restart of anything
// it calls `recover` with the handle, or with none if the answer of `start` was lost, then `wait` again. In the end it
// calls `stop` if needed, then `destroy`. Tasks outlive plug-in and agent; a driver must be able to find them again.
#ifndef DROVER_DRIVER_H
#define DROVER_DRIVER_H

#include "types.h"

DROVER_BEGIN

#define DROVER_DRIVER_1 "drover.driver/1"

// Task document, a JSON object:
//   "id"         names one attempt of one task of one allocation; unique, opaque, at most 256 bytes, no NUL or '\n'
//   "attempt"    0 for the first start, one more at each restart;  "name", "alloc_id", "alloc_name", "group", "job_id",
//   "namespace", "node_id"  texts for messages and labels
//   "config"     object: the job's config block, interpolated, checked against "task_schema" of the manifest
//   "env"        object of texts: the whole environment of the task;  "user"  text, "" if the job names none
//   "dirs"       {"alloc", "task", "local", "secrets"}: absolute paths, all exist
//   "logs"       {"dir", "stdout": file prefix, "stderr": file prefix, "files_max", "file_bytes_max", "enabled"}:
//                output goes to <dir>/<prefix>.0, .1, ... ; the newest files_max are kept
//   "resources"  {"cpu_mhz", "cores": [n], "memory_bytes", "memory_max_bytes" (0: none given), "disk_bytes"}
//   "ports"      [{"label", "host_ip", "host_port", "to" (0: the same)}]
//   "network"    {"mode": "host"|"group"|"none", "path": of "group" the file of the network namespace to join, which the
//                group's tasks share, "hostname": its name, or ""}; the mode is one that the driver's capabilities name
//   "devices"    [{"vendor", "type", "model", "ids": [text], "reservation": as of drover.device/1 reserve}]; of several
//                from one plug-in the first has the reservation of all; its "env" is in "env" already
//   "mounts"     [{"source", "target", "read_only", "propagation"}]
//   "kill_timeout_ns", "kill_signal"  what the host will pass to `stop`, for drivers that must know in advance
//
// One task's use of resources, in a batch of records. A value is meaningful only if its bit is in `present`.
#define DROVER_STATS_CPU_NS (1ULL << 0)          // cpu_ns
#define DROVER_STATS_CPU_USER_NS (1ULL << 1)     // cpu_user_ns
#define DROVER_STATS_CPU_SYSTEM_NS (1ULL << 2)   // cpu_system_ns
#define DROVER_STATS_THROTTLED (1ULL << 3)       // throttled_periods and throttled_ns
#define DROVER_STATS_RSS (1ULL << 4)             // memory_rss
#define DROVER_STATS_CACHE (1ULL << 5)           // memory_cache
#define DROVER_STATS_SWAP (1ULL << 6)            // memory_swap
#define DROVER_STATS_USAGE (1ULL << 7)           // memory_usage
#define DROVER_STATS_USAGE_MAX (1ULL << 8)       // memory_usage_max
#define DROVER_STATS_PIDS (1ULL << 9)            // pids
#define DROVER_STATS_IO (1ULL << 10)             // io_read_bytes and io_write_bytes
typedef struct drover_task_stats {
    uint32_t size;               // bytes of this record with the id after it and padding: a multiple of 8
    uint32_t id_length;          // bytes of the task id, which begins at id_offset of the record
    uint32_t id_offset;          // sizeof(drover_task_stats) as the writer knew it
    uint32_t reserved;
    uint64_t present;            // DROVER_STATS_ bits
    int64_t time_ns;             // wall clock of the sample
    uint64_t cpu_ns;             // CPU time since the start, all processes
    uint64_t cpu_user_ns;
    uint64_t cpu_system_ns;
    uint64_t throttled_periods;
    uint64_t throttled_ns;
    uint64_t memory_rss;         // bytes, as all below
    uint64_t memory_cache;
    uint64_t memory_swap;
    uint64_t memory_usage;
    uint64_t memory_usage_max;
    uint64_t pids;               // processes and threads
    uint64_t io_read_bytes;      // of block devices since the start, not of caches
    uint64_t io_write_bytes;
} drover_task_stats;

typedef struct drover_driver {
    uint32_t size;
    uint32_t reserved;
    // Write what the driver can do, a JSON object: {"send_signals": bool, "exec": bool, "fs_isolation":
    // "none"|"chroot"|"image"|"unveil", "network_isolation": ["host"|"group"|"task"|"none"], "mounts": "all"|"none"|
    // "read_only", "must_create_network": bool, "remote_tasks": bool, "default_user": text (of tasks that name none: the
    // host then hands it over as "user", and gives it the task's secrets)}. Absent: false, "none", ["host"], "". Never
    // changes in the life of an instance. [quick]  since draft 1
    int32_t (*DROVER_NULLABLE capabilities)(void *self, drover_sink out);
    // Look whether tasks can run here and write {"health": "healthy"|"unhealthy"|"undetected", "message": text,
    // "attributes": {"driver.NAME": "1", ...}, "period_ns": when to ask again (default 30 s; 0: only when the plug-in
    // says drover.event/1 changed("fingerprint"))}. "undetected" means the software is absent: no error. [serial]
    // since draft 1
    int32_t (*DROVER_NULLABLE fingerprint)(void *self, drover_sink out);
    // Start the task of `task`, the task document (JSON). Idempotent on its "id": asked again, it reports the task
    // that already runs. Completes when the task runs, with {"handle": any JSON value to 64 KiB, "network": {"ip",
    // "port_map": {label: port}} (optional)}; the host stores the handle and hands it to `recover`, maybe of an older
    // or newer version of the plug-in: give it a "version".
    // Errors: DROVER_E_INVALID (configuration, with the key), DROVER_E_NOT_FOUND (image or program), DROVER_E_RETRY
    // (the task's restart policy decides); others fail the task. After an error nothing runs.
    // [task; several tasks at once]  since draft 1
    void (*DROVER_NULLABLE start)(void *self, drover_text task, drover_call call);
    // Find a task started before, maybe by another instance: `handle` is the stored value, or empty when the host never
    // got one. Completes as `start` does; for a task that has ended too, `wait` then tells its end.
    // Errors: DROVER_E_NOT_FOUND (no such task: the host starts it anew). [task]  since draft 1
    void (*DROVER_NULLABLE recover)(void *self, drover_text task, drover_text handle, drover_call call);
    // Complete when the task has ended, with {"exit_code": n (128 + signal when a signal ended it), "signal": n,
    // "oom_killed": bool, "error": text (optional)}; for an ended task at once, until `destroy`. Cancelling ends the wait, not the task. May be open for
    // months: it holds no thread. Errors: DROVER_E_NOT_FOUND. [any]  since draft 1
    void (*DROVER_NULLABLE wait)(void *self, drover_text id, drover_call call);
    // End the task: `signal` (a name; empty: the driver's default), after `timeout_ns` by force. Completes when it has
    // ended; at once when it had. Errors: DROVER_E_NOT_FOUND, DROVER_E_INVALID (signal). [any]  since draft 1
    void (*DROVER_NULLABLE stop)(void *self, drover_text id, drover_text signal, int64_t timeout_ns, drover_call call);
    // Send a signal by name, "SIGHUP". Errors: DROVER_E_NOT_FOUND, DROVER_E_INVALID, DROVER_E_STATE (ended),
    // DROVER_E_UNSUPPORTED. [any]  since draft 1
    int32_t (*DROVER_NULLABLE signal)(void *self, drover_text id, drover_text signal, drover_sink out);
    // Run a program inside the task: arguments, descriptors, result and errors as in executor.h `exec`. Null when
    // "exec" of the capabilities is false. [any]  since draft 1
    void (*DROVER_NULLABLE exec)(void *self, drover_text id, drover_text exec_id, drover_text request,
                                 int32_t stdin_fd, int32_t stdout_fd, int32_t stderr_fd, drover_call call);
    // Set the terminal size of a running `exec`. Errors: DROVER_E_NOT_FOUND, DROVER_E_STATE. [any]  since draft 1
    int32_t (*DROVER_NULLABLE resize)(void *self, drover_text exec_id, int32_t rows, int32_t columns, drover_sink out);
    // Write one drover_task_stats record for each task in `ids` (separated by '\n'; empty: all), leaving out those
    // unknown or ended. Called about once a second for all tasks together. [any, within 1 s]  since draft 1
    int32_t (*DROVER_NULLABLE stats)(void *self, drover_text ids, drover_sink out);
    // Forget an ended task and free what it holds; with `force` 1 end a running one first. No error when unknown.
    // Errors: DROVER_E_STATE (running, force 0). [task]  since draft 1
    int32_t (*DROVER_NULLABLE destroy)(void *self, drover_text id, int32_t force, drover_sink out);
    // Write {"id", "state": "running"|"exited"|"unknown", "handle", "attributes": {text: text}}, for people and for
    // tests. Errors: DROVER_E_NOT_FOUND. [any]  since draft 1
    int32_t (*DROVER_NULLABLE inspect)(void *self, drover_text id, drover_sink out);
    // Make the network namespace that the tasks of one allocation share, for a driver whose capabilities say
    // "must_create_network": its tasks can join no other. `request` is {"alloc_id", "hostname": text, or ""}. Completes with
    // {"path": of the namespace, such as "/proc/PID/ns/net"}, which the host holds, puts interfaces into, and hands to the tasks
    // of every driver in the group. Idempotent on "alloc_id": asked again, it reports the one that is there.
    // Errors: DROVER_E_NOT_FOUND (what it is made of), DROVER_E_RETRY; after an error nothing is left.
    // [any; one call per allocation at a time]  since draft 1
    void (*DROVER_NULLABLE create_network)(void *self, drover_text request, drover_call call);
    // Remove what `create_network` made for an allocation, whose tasks have been destroyed. No error when unknown.
    // [any; one call per allocation at a time]  since draft 1
    void (*DROVER_NULLABLE destroy_network)(void *self, drover_text alloc_id, drover_call call);
} drover_driver;

#define DROVER_DRIVER_1_SIGNATURES                                                                                     \
    "capabilities: self sink -> i32\n"                                                                                 \
    "fingerprint: self sink -> i32\n"                                                                                  \
    "start: self text call -> void\n"                                                                                  \
    "recover: self text text call -> void\n"                                                                           \
    "wait: self text call -> void\n"                                                                                   \
    "stop: self text text i64 call -> void\n"                                                                          \
    "signal: self text text sink -> i32\n"                                                                             \
    "exec: self text text text fd fd fd call -> void\n"                                                                \
    "resize: self text i32 i32 sink -> i32\n"                                                                          \
    "stats: self text sink -> i32\n"                                                                                   \
    "destroy: self text i32 sink -> i32\n"                                                                             \
    "inspect: self text sink -> i32\n"                                                                                 \
    "create_network: self text call -> void\n"                                                                         \
    "destroy_network: self text call -> void\n"

DROVER_END

#endif
