// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CSpawn.h"
#include "root.h"
#include "seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The child's stack: deep enough for its few frames, one guard page below.
#define STACK_BYTES (64 * 1024)
#define EXTRA_MAX 16

// What parent and child share through CLONE_VM.
typedef struct child_context {
    const drover_spawn_spec *spec;
    int parent; // pidfd of the caller, with DIE_WITH_PARENT; else -1
    volatile int stage;
    volatile int error;
    const char *volatile what;
} child_context;

const char *drover_spawn_stage_name(int32_t stage) {
    static const char *const names[] = {
        "none", "clone", "session", "cgroup", "oom_score_adj", "stdio", "namespace", "mount",
        "root", "working directory", "limit", "user", "capabilities", "parent", "exec", "seccomp",
    };
    if (stage < 0 || (size_t)stage >= sizeof names / sizeof names[0]) return "unknown";
    return names[stage];
}

// Ends the child, leaving stage and errno for the parent.
static _Noreturn void fail(child_context *context, int stage) {
    context->error = errno;
    context->stage = stage;
    for (;;) syscall(SYS_exit_group, 127);
}

// A handler of the caller must not run in the child: every disposition goes back to the default, SIGPIPE's "ignore" too.
static void reset_signals(void) {
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } action = {0};
    for (int signal = 1; signal <= 64; signal++) {
        if (signal == SIGKILL || signal == SIGSTOP) continue;
        syscall(SYS_rt_sigaction, signal, &action, NULL, 8);
    }
}

static size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length] != 0) length++;
    return length;
}

// Joins `<folder>/cgroup.procs` by writing "0", the calling process.
static int join_cgroup(const char *folder) {
    char path[4096];
    static const char name[] = "/cgroup.procs";
    size_t length = text_length(folder);
    if (length + sizeof name > sizeof path) { errno = ENAMETOOLONG; return -1; }
    for (size_t i = 0; i < length; i++) path[i] = folder[i];
    for (size_t i = 0; i < sizeof name; i++) path[length + i] = name[i];
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0) return -1;
    long written = syscall(SYS_write, fd, "0", 1);
    int saved = errno;
    syscall(SYS_close, fd);
    errno = saved;
    return written == 1 ? 0 : -1;
}

static int write_oom_score(int value) {
    char text[8];
    size_t length = 0;
    unsigned magnitude = value < 0 ? (unsigned)-value : (unsigned)value;
    char digits[6];
    size_t count = 0;
    do { digits[count++] = (char)('0' + magnitude % 10); magnitude /= 10; } while (magnitude > 0 && count < sizeof digits);
    if (value < 0) text[length++] = '-';
    while (count > 0) text[length++] = digits[--count];
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0) return -1;
    long written = syscall(SYS_write, fd, text, length);
    int saved = errno;
    syscall(SYS_close, fd);
    errno = saved;
    return written == (long)length ? 0 : -1;
}

// Moves the wanted descriptors to 0, 1, 2, 3, ... and closes all others but the caller's pidfd. Sources are first copied
// out of the way, so that any order and any repetition works.
static int arrange_descriptors(child_context *context) {
    const drover_spawn_spec *spec = context->spec;
    long copies[4 + EXTRA_MAX];
    size_t count = 3 + spec->extra_count;
    if (spec->extra_count > EXTRA_MAX) { errno = E2BIG; return -1; }
    for (size_t i = 0; i <= count; i++) {
        int source = i < 3 ? spec->stdio[i] : i < count ? spec->extra[i - 3] : context->parent;
        long opened = -1;
        if (source < 0) {
            opened = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
            if (opened < 0) return -1;
            source = (int)opened;
        }
        copies[i] = syscall(SYS_fcntl, source, F_DUPFD_CLOEXEC, 4 + EXTRA_MAX);
        if (copies[i] < 0) return -1;
    }
    for (size_t i = 0; i <= count; i++) {
        if (syscall(SYS_dup3, copies[i], (int)i, i < count ? 0 : O_CLOEXEC) < 0) return -1;
    }
    if (context->parent >= 0) context->parent = (int)count;
    return (int)syscall(SYS_close_range, count + 1, ~0u, 0u);
}

// Drops what is not in `keep` from the bounding set, so that no program started later can have it.
static int bound_capabilities(uint64_t keep) {
    for (int capability = 0; capability < 64; capability++) {
        if ((keep >> capability & 1) != 0) continue;
        if (syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
            if (errno == EINVAL) return 0; // beyond the kernel's last capability
            return -1;
        }
    }
    return 0;
}

// Ambient too: without that a user other than root would lose them at execve (capabilities(7)).
static int keep_capabilities(uint64_t keep) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        uint32_t half = (uint32_t)(keep >> (32 * i));
        data[i] = (struct __user_cap_data_struct){half, half, half};
    }
    if (syscall(SYS_capset, &header, data) < 0) return -1;
    for (int capability = 0; capability < 64; capability++) {
        if ((keep >> capability & 1) == 0) continue;
        if (syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0) return -1;
    }
    return 0;
}

// Raw system calls: libc's setuid would signal the caller's other threads, which share this memory.
static int become_user(const drover_spawn_spec *spec) {
    if (syscall(SYS_setgroups, spec->group_count, spec->groups) < 0) return -1;
    if (syscall(SYS_setresgid, spec->gid, spec->gid, spec->gid) < 0) return -1;
    return (int)syscall(SYS_setresuid, spec->uid, spec->uid, spec->uid);
}

static int set_limits(const drover_spawn_spec *spec) {
    for (size_t i = 0; i < spec->limit_count; i++) {
        uint64_t values[2] = {spec->limits[i].soft, spec->limits[i].hard};
        if (syscall(SYS_prlimit64, 0, spec->limits[i].resource, values, NULL) < 0) return -1;
    }
    return 0;
}

// ip link set lo up: a new network has nothing else, and its loopback is down.
static int raise_loopback(void) {
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    long fd = syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    long result = syscall(SYS_ioctl, fd, SIOCSIFFLAGS, &loopback);
    int saved = errno;
    syscall(SYS_close, fd);
    errno = saved;
    return (int)result;
}

// nsenter --net=PATH, by the path as the host has it.
static int join_network(const char *path) {
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return -1;
    long joined = syscall(SYS_setns, fd, CLONE_NEWNET);
    int saved = errno;
    syscall(SYS_close, fd);
    errno = saved;
    return (int)joined;
}

// The parts that act on the host's view: session, cgroups, descriptors, namespaces, root, folder.
static void set_surroundings(child_context *context) {
    const drover_spawn_spec *spec = context->spec;
    if ((spec->flags & DROVER_SPAWN_SETSID) != 0 && syscall(SYS_setsid) < 0) {
        fail(context, DROVER_SPAWN_STAGE_SESSION);
    }
    for (size_t i = 0; i < spec->cgroup_count; i++) {
        if (join_cgroup(spec->cgroups[i]) < 0) fail(context, DROVER_SPAWN_STAGE_CGROUP);
    }
    if ((spec->flags & DROVER_SPAWN_OOM_SCORE) != 0 && write_oom_score(spec->oom_score_adj) < 0) {
        fail(context, DROVER_SPAWN_STAGE_OOM_SCORE);
    }
    // A process namespace is entered by being born into it: see drover_spawn.
    uint64_t entered = spec->join_namespaces & ~(uint64_t)CLONE_NEWPID;
    if (entered != 0 && syscall(SYS_setns, spec->join_pidfd, entered) < 0) {
        fail(context, DROVER_SPAWN_STAGE_NAMESPACE);
    }
    if (arrange_descriptors(context) < 0) fail(context, DROVER_SPAWN_STAGE_STDIO);
    if ((spec->flags & DROVER_SPAWN_TERMINAL) != 0 && syscall(SYS_ioctl, 0, TIOCSCTTY, 0) < 0) {
        fail(context, DROVER_SPAWN_STAGE_SESSION);
    }
    if ((spec->namespaces & CLONE_NEWNET) != 0 && raise_loopback() < 0) fail(context, DROVER_SPAWN_STAGE_NAMESPACE);
    if (spec->network != NULL && join_network(spec->network) < 0) {
        context->what = spec->network;
        fail(context, DROVER_SPAWN_STAGE_NAMESPACE);
    }
    int stage = DROVER_SPAWN_STAGE_MOUNT;
    if ((spec->namespaces & CLONE_NEWNS) != 0) {
        const char *what = NULL;
        int entered_root = enter_root(spec, &stage, &what);
        context->what = what;
        if (entered_root < 0) fail(context, stage);
    }
    if (spec->hostname != NULL && syscall(SYS_sethostname, spec->hostname, text_length(spec->hostname)) < 0) {
        fail(context, DROVER_SPAWN_STAGE_NAMESPACE);
    }
    if (spec->cwd != NULL && syscall(SYS_chdir, spec->cwd) < 0) fail(context, DROVER_SPAWN_STAGE_DIRECTORY);
}

// After the change of user, which clears the signal (prctl(2)). The caller may have died before: then nobody would tell us,
// and its pid means nothing in a process namespace of our own, so its pidfd is asked.
static void bind_to_parent(child_context *context) {
    struct pollfd parent = {context->parent, POLLIN, 0};
    struct timespec now = {0, 0};
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) fail(context, DROVER_SPAWN_STAGE_PARENT);
    long ended = syscall(SYS_ppoll, &parent, 1, &now, NULL, 0);
    if (ended == 0) return;
    if (ended > 0) errno = ESRCH;
    fail(context, DROVER_SPAWN_STAGE_PARENT);
}

// The parts that take rights away, last.
static void drop_rights(child_context *context) {
    const drover_spawn_spec *spec = context->spec;
    int caps = (spec->flags & DROVER_SPAWN_CAPABILITIES) != 0;
    if (set_limits(spec) < 0) fail(context, DROVER_SPAWN_STAGE_LIMIT);
    if (caps && bound_capabilities(spec->capabilities) < 0) fail(context, DROVER_SPAWN_STAGE_CAPABILITIES);
    if ((spec->flags & DROVER_SPAWN_USER) != 0) {
        if (caps && spec->capabilities != 0) syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
        if (become_user(spec) < 0) fail(context, DROVER_SPAWN_STAGE_USER);
    }
    if (caps && keep_capabilities(spec->capabilities) < 0) fail(context, DROVER_SPAWN_STAGE_CAPABILITIES);
    if ((spec->flags & DROVER_SPAWN_NO_NEW_PRIVS) != 0 && syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        fail(context, DROVER_SPAWN_STAGE_CAPABILITIES);
    }
    if ((spec->flags & DROVER_SPAWN_DIE_WITH_PARENT) != 0) bind_to_parent(context);
    if ((spec->flags & DROVER_SPAWN_SECCOMP) != 0 && filter_system_calls(caps ? spec->capabilities : ~0ull) < 0) {
        fail(context, DROVER_SPAWN_STAGE_SECCOMP);
    }
}

static int child_main(void *argument) {
    child_context *context = argument;
    reset_signals();
    set_surroundings(context);
    drop_rights(context);
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    syscall(SYS_execve, context->spec->path, context->spec->argv, context->spec->envp);
    fail(context, DROVER_SPAWN_STAGE_EXEC);
}

// Makes the calling thread's children members of the process namespace of `join_pidfd`; returns a descriptor of the one to
// come back to. Only children are concerned, and no other thread.
static int aim_at_namespace(int join_pidfd) {
    int own = open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own < 0) return -1;
    if (setns(join_pidfd, CLONE_NEWPID) == 0) return own;
    int error = errno;
    close(own);
    errno = error;
    return -1;
}

// clone with a stack and signals prepared; -1 with stage and error in `result`.
static int start_child(const drover_spawn_spec *spec, child_context *context, int *pidfd, drover_spawn_result *result) {
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        result->error = errno;
        return -1;
    }
    mprotect(stack, 4096, PROT_NONE);
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    int pid = -1, error = 0, joins = (spec->join_namespaces & CLONE_NEWPID) != 0;
    int own = joins ? aim_at_namespace(spec->join_pidfd) : -1;
    if (joins && own < 0) {
        result->stage = DROVER_SPAWN_STAGE_NAMESPACE;
        error = errno;
    } else {
        int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (int)spec->namespaces;
        pid = clone(child_main, stack + STACK_BYTES, flags, context, pidfd);
        error = errno;
        if (joins) {
            setns(own, CLONE_NEWPID);
            close(own);
        }
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    munmap(stack, STACK_BYTES);
    if (pid < 0) result->error = error;
    return pid;
}

int drover_spawn(const drover_spawn_spec *spec, drover_spawn_result *result) {
    *result = (drover_spawn_result){.pid = 0, .pidfd = -1, .stage = DROVER_SPAWN_STAGE_CLONE, .error = 0};
    child_context context = {.spec = spec, .parent = -1};
    if ((spec->flags & DROVER_SPAWN_DIE_WITH_PARENT) != 0) {
        context.parent = (int)syscall(SYS_pidfd_open, getpid(), 0);
        if (context.parent < 0) {
            *result = (drover_spawn_result){.pidfd = -1, .stage = DROVER_SPAWN_STAGE_PARENT, .error = errno};
            return -1;
        }
    }
    int own_pidfd = context.parent, pidfd = -1;
    int pid = start_child(spec, &context, &pidfd, result);
    if (own_pidfd >= 0) close(own_pidfd);
    if (pid < 0) return -1;
    if (context.stage != DROVER_SPAWN_STAGE_NONE) {
        while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {}
        close(pidfd);
        result->stage = context.stage;
        result->error = context.error;
        result->what = context.what;
        return -1;
    }
    *result = (drover_spawn_result){.pid = pid, .pidfd = pidfd, .stage = DROVER_SPAWN_STAGE_NONE, .error = 0};
    return 0;
}
