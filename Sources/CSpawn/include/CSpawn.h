// SPDX-License-Identifier: Apache-2.0
//
// CSpawn: start one program, with as much isolation as asked for, without copying the caller's memory.
//
// The caller may be a large multi-threaded process: the child is made with clone(CLONE_VM | CLONE_VFORK) on a stack of
// its own, so the cost does not grow with the caller's size (0.7 ms with 1 GiB resident, where fork takes 177 ms), and
// between clone and execve it makes raw system calls only. All signals are blocked around it.
//
// libc only; thread-safe; nothing is allocated but the child's stack, which is freed before return.
#ifndef CSPAWN_H
#define CSPAWN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Bits of drover_spawn_spec.flags.
#define DROVER_SPAWN_SETSID (1u << 0)        // new session and process group; the child leads both
#define DROVER_SPAWN_DIE_WITH_PARENT (1u << 1) // SIGKILL when the thread that called drover_spawn ends
#define DROVER_SPAWN_NO_NEW_PRIVS (1u << 2)  // set-user-ID programs gain nothing
#define DROVER_SPAWN_USER (1u << 3)          // uid, gid and groups are set
#define DROVER_SPAWN_OOM_SCORE (1u << 4)     // oom_score_adj is set
#define DROVER_SPAWN_CAPABILITIES (1u << 5)  // only `capabilities` are kept
#define DROVER_SPAWN_MOUNT_PROC (1u << 6)    // a fresh /proc; needs CLONE_NEWPID and CLONE_NEWNS
#define DROVER_SPAWN_TERMINAL (1u << 7)      // descriptor 0 becomes the controlling terminal; needs SETSID
#define DROVER_SPAWN_ROOT_TMPFS (1u << 8)    // `root` is an empty folder: the new root is made on it, in memory (root.c)
#define DROVER_SPAWN_NO_PIVOT (1u << 9)      // change the root by MS_MOVE and chroot, for hosts whose root is a ramdisk
#define DROVER_SPAWN_SECCOMP (1u << 10)      // the default system call filter (seccomp.c)

// Where a spawn failed: drover_spawn_result.stage. drover_spawn_stage_name gives the word for messages.
enum {
    DROVER_SPAWN_STAGE_NONE = 0,
    DROVER_SPAWN_STAGE_CLONE = 1,
    DROVER_SPAWN_STAGE_SESSION = 2,
    DROVER_SPAWN_STAGE_CGROUP = 3,
    DROVER_SPAWN_STAGE_OOM_SCORE = 4,
    DROVER_SPAWN_STAGE_STDIO = 5,
    DROVER_SPAWN_STAGE_NAMESPACE = 6,
    DROVER_SPAWN_STAGE_MOUNT = 7,
    DROVER_SPAWN_STAGE_ROOT = 8,
    DROVER_SPAWN_STAGE_DIRECTORY = 9,
    DROVER_SPAWN_STAGE_LIMIT = 10,
    DROVER_SPAWN_STAGE_USER = 11,
    DROVER_SPAWN_STAGE_CAPABILITIES = 12,
    DROVER_SPAWN_STAGE_PARENT = 13,
    DROVER_SPAWN_STAGE_EXEC = 14,
    DROVER_SPAWN_STAGE_SECCOMP = 15
};

// One bind mount with all that is mounted below `source`. `target` is an absolute path inside the new root, which no link
// leads out of; it is made when absent. Device nodes work only below a source in /dev.
typedef struct drover_spawn_bind {
    const char *source;
    const char *target;
    uint32_t read_only; // 1: with all that is mounted below
    uint32_t reserved;
} drover_spawn_bind;

// One resource limit: `resource` is RLIMIT_*, UINT64_MAX is "unlimited".
typedef struct drover_spawn_limit {
    int32_t resource;
    uint32_t reserved;
    uint64_t soft;
    uint64_t hard;
} drover_spawn_limit;

// What to start. Zero everything, then set what is wanted; all pointers are borrowed for the call.
typedef struct drover_spawn_spec {
    const char *path;        // program; no search in PATH
    char *const *argv;       // NULL-terminated, argv[0] included
    char *const *envp;       // NULL-terminated
    const char *cwd;         // after the root has changed; NULL keeps the caller's (or "/" of the new root)
    uint32_t flags;          // DROVER_SPAWN_*
    int32_t stdio[3];        // descriptors 0, 1, 2 of the child; -1 is /dev/null
    const int32_t *extra;    // further descriptors: the child gets them as 3, 4, ...; every other one is closed
    size_t extra_count;      // at most 16
    uint64_t namespaces;     // CLONE_NEW* bits to create
    int32_t join_pidfd;      // with join_namespaces: whose namespaces to enter
    uint32_t reserved;
    uint64_t join_namespaces; // CLONE_NEW* bits to enter; 0 enters none
    const char *network;     // file of a network namespace to enter, on the host; NULL keeps the caller's; not with CLONE_NEWNET
    const char *root;        // becomes "/"; needs CLONE_NEWNS; NULL keeps the host's
    const char *hostname;    // needs CLONE_NEWUTS; NULL keeps the host's
    const drover_spawn_bind *binds;
    size_t bind_count;
    const char *const *cgroups; // cgroup folders to join, by writing "0" to their cgroup.procs
    size_t cgroup_count;
    const drover_spawn_limit *limits;
    size_t limit_count;
    uint32_t uid;
    uint32_t gid;
    const uint32_t *groups;
    size_t group_count;
    uint64_t capabilities;   // bit n keeps capability n, through execve and for any user
    int32_t oom_score_adj;   // -1000 ... 1000
    uint32_t reserved2;
} drover_spawn_spec;

// What came of it.
typedef struct drover_spawn_result {
    int32_t pid;
    int32_t pidfd;  // close-on-exec, owned by the caller; -1 after a failure
    int32_t stage;  // DROVER_SPAWN_STAGE_*
    int32_t error;  // errno of that stage
    const char *what; // the path of the specification it failed on, or NULL
} drover_spawn_result;

// Starts a program. Returns 0 once execve has succeeded, or -1 with stage and error set; then no child is left.
// The caller waits for the pid (waitpid on that pid, never -1 in a process with other children) or polls the pidfd.
// [any thread; the calling thread is suspended until the child has executed or failed]
int drover_spawn(const drover_spawn_spec *spec, drover_spawn_result *result);

// The word for a stage: "exec", "cgroup", ...; never NULL.
const char *drover_spawn_stage_name(int32_t stage);

#ifdef __cplusplus
}
#endif
#endif
