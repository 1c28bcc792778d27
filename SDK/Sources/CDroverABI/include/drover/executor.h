// Drover plug-in ABI: `drover.executor/1`, how a driver starts processes that outlive plug-in, host process and agent.
//
// The executor is offered by the host. It runs each task under a tiny helper of its own (the shim) that isolates it,
// carries and rotates its output and records its exit on disk. Everything is named by the task's id, so a driver keeps
// no process table: most driver functions can hand their arguments straight to the function of the same name here.
#ifndef DROVER_EXECUTOR_H
#define DROVER_EXECUTOR_H

#include "types.h"

DROVER_BEGIN

#define DROVER_EXECUTOR_1 "drover.executor/1"

// Launch specification: a JSON object that says how this task differs from what the task document (driver.h) already
// says. Only "argv" is required.
//   "argv"       array of 1 to 4,096 texts; argv[0] is an absolute path, a path relative to the task's folder that
//                contains '/', or a name looked up in the PATH of "env"; 1 MiB together with "env"
//   "env"        object of texts; default: the task document's "env", which this replaces
//   "cwd"        default: the task document's dirs.task; with a private root it is a path inside that
//   "user"       name or uid, optionally ":" group; default: the task document's "user", else the agent's own
//   "stdin"      "null" (default)
//   "logs"       object as in the task document; default: that one
//   "limits"     {"cpu_shares": 2..262144 (default: the MHz asked for, within that range), "cpu_quota_us_per_100ms": n
//                (0, the default: none), "cores": [n], "memory_bytes", "memory_max_bytes" (hard limit; default: the
//                larger of the two asked for; 0: none), "pids_max" (0: none), "nofile", "core_bytes", "oom_score_adj"};
//                absent keys come from the task document's "resources". {"enforce": false} leaves cpu and memory
//                unlimited and only accounts for them, as raw_exec does
//   "isolation"  {"pid": bool, "mount": bool, "ipc": bool, "uts": bool, "net": bool, "net_path": text (join this
//                namespace instead), "root": path, or "tmpfs": an empty one in memory with /proc and a small /dev (needs
//                "mount"), "no_pivot_root": bool (for hosts whose root is a ramdisk), "hostname": text (needs "uts"),
//                "binds": [{"source", "target", "read_only", "propagation"}] (targets are inside the root, and are
//                made there when absent), "caps": ["chown", ...] (kept, whoever the user is; absent: all when not
//                isolated, none else), "seccomp": "default"|"none", "no_new_privs": bool}; all off by default
//   "cgroup"     {"parent": path below the cgroup root (default: the agent's), "v2_override": absolute cgroup path,
//                "v1_override": [{"controller": path}]}
// Unknown keys are refused here, with DROVER_E_INVALID and the key: a misspelt limit must not pass.
//
// Results of `launch` and `recover`: {"handle": H, "pid": n}. H is a JSON object with "version"; the host stores it.
// Result of `wait`: {"exit_code": n (128 + signal when a signal ended it, as shells say), "signal": n (0: none),
// "oom_killed": bool, "error": text (optional: the shim or the machine failed, the exit code is unknown),
// "started_ns": n, "finished_ns": n} (wall clock).
typedef struct drover_executor {
    uint32_t size;
    uint32_t reserved;
    // Start the task of the task document `task` (JSON, driver.h) as `spec` (JSON, above) says. Idempotent on the
    // task's "id": asked again while it runs, or after it ended and before `destroy`, it reports that very task and
    // starts nothing. Completes when the program has been executed, not when it ends.
    // Errors: DROVER_E_INVALID (the key), DROVER_E_NOT_FOUND (program, user or folder), DROVER_E_DENIED,
    // DROVER_E_UNSUPPORTED (isolation this machine lacks), DROVER_E_RETRY (out of processes or memory), DROVER_E_IO;
    // after an error nothing is left running.
    // [task]  since draft 1
    void (*DROVER_NULLABLE launch)(drover_text task, drover_text spec, drover_call call);
    // Find a task launched before: `handle` is what `launch` reported, or empty when its answer was lost. A task that
    // has ended in between is found too (`wait` then completes at once).
    // Errors: DROVER_E_NOT_FOUND (never launched, or from before the machine's last boot). [task]  since draft 1
    void (*DROVER_NULLABLE recover)(drover_text task, drover_text handle, drover_call call);
    // Complete with the exit result when the task has ended; any number of times, also long after. Cancelling ends the
    // wait, not the task. Errors: DROVER_E_NOT_FOUND. [any]  since draft 1
    void (*DROVER_NULLABLE wait)(drover_text id, drover_call call);
    // End the task: send `signal` (name such as "SIGINT"; empty: SIGTERM) to its process group, after `timeout_ns`
    // kill everything it started. Completes when no process of it is left; at once when it has ended before.
    // Cancelling leaves the kill scheduled. Errors: DROVER_E_NOT_FOUND, DROVER_E_INVALID (signal). [any]  since draft 1
    void (*DROVER_NULLABLE stop)(drover_text id, drover_text signal, int64_t timeout_ns, drover_call call);
    // Send `signal` (a name) to the task's main process. Errors: DROVER_E_NOT_FOUND, DROVER_E_INVALID (unknown name),
    // DROVER_E_STATE (ended). [any]  since draft 1
    int32_t (*DROVER_NULLABLE signal)(drover_text id, drover_text signal, drover_sink out);
    // Run one more program in the task's namespaces, cgroup, folder and user. `request`: {"argv": [...], "tty": bool,
    // "env": {...} (added)}. The three descriptors are the program's standard streams, borrowed until `call` completes
    // (with "tty" all three are the terminal, passed by the host). Completes with {"exit_code": n, "signal": n} when it
    // ends; cancelling kills it and all of its session, and it dies with the process that hosts the plug-in. `exec_id`
    // is made by the host, unique in the node.
    // Errors: DROVER_E_NOT_FOUND, DROVER_E_STATE (ended), as for launch. [any]  since draft 1
    void (*DROVER_NULLABLE exec)(drover_text id, drover_text exec_id, drover_text request, int32_t stdin_fd,
                                 int32_t stdout_fd, int32_t stderr_fd, drover_call call);
    // Set the size of the terminal of a running `exec` with "tty". Errors: DROVER_E_NOT_FOUND, DROVER_E_STATE. [any]
    // since draft 1
    int32_t (*DROVER_NULLABLE resize)(drover_text exec_id, int32_t rows, int32_t columns, drover_sink out);
    // Write one drover_task_stats record (driver.h) for each task in `ids`: ids separated by '\n', empty for all of
    // this plug-in's. Tasks that have ended or are unknown are left out. [any]  since draft 1
    int32_t (*DROVER_NULLABLE stats)(drover_text ids, drover_sink out);
    // Forget an ended task and remove its records (not its folders); with `force` 1 a running one is killed first.
    // No error when unknown. Errors: DROVER_E_STATE (running, force 0). [task]  since draft 1
    int32_t (*DROVER_NULLABLE destroy)(drover_text id, int32_t force, drover_sink out);
    // Write {"id", "state": "running"|"exited", "handle", "pid", "pids": [n], "exit": as of wait, when exited}.
    // Errors: DROVER_E_NOT_FOUND. [any]  since draft 1
    int32_t (*DROVER_NULLABLE inspect)(drover_text id, drover_sink out);
} drover_executor;

#define DROVER_EXECUTOR_1_SIGNATURES                                                                                   \
    "launch: text text call -> void\n"                                                                                 \
    "recover: text text call -> void\n"                                                                                \
    "wait: text call -> void\n"                                                                                        \
    "stop: text text i64 call -> void\n"                                                                               \
    "signal: text text sink -> i32\n"                                                                                  \
    "exec: text text text fd fd fd call -> void\n"                                                                     \
    "resize: text i32 i32 sink -> i32\n"                                                                               \
    "stats: text sink -> i32\n"                                                                                        \
    "destroy: text i32 sink -> i32\n"                                                                                  \
    "inspect: text sink -> i32\n"

DROVER_END

#endif
