// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 4096

static int starts_with(const char *text, const char *start) {
    while (*start != 0 && *text == *start) { text++; start++; }
    return *start == 0;
}

// Opens `path` as a process whose root is the folder `root` would: no link, and no "..", leads out of it.
static int open_inside(int root, const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

// Makes `name` in `parent`: a folder, or an empty file.
static int make_entry(int parent, const char *name, int folder) {
    if (folder) return (int)syscall(SYS_mkdirat, parent, name, 0755);
    long fd = syscall(SYS_openat, parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0) syscall(SYS_close, fd);
    return fd < 0 ? -1 : 0;
}

// Opens `path` inside `root`, making what is absent: folders on the way, at the end a folder or a file.
static int open_place(int root, const char *path, int folder) {
    int place = open_inside(root, path);
    if (place >= 0 || errno != ENOENT) return place;
    char prefix[PATH_BYTES];
    size_t at = 0, name = 0;
    int parent = open_inside(root, "/");
    while (parent >= 0 && path[at] != 0) {
        while (path[at] == '/') { prefix[at] = '/'; at++; }
        for (name = at; path[at] != 0 && path[at] != '/'; at++) {
            if (at + 1 == PATH_BYTES) { errno = ENAMETOOLONG; return -1; }
            prefix[at] = path[at];
        }
        prefix[at] = 0;
        if (name == at) break;
        int next = open_inside(root, prefix);
        if (next < 0 && errno == ENOENT && make_entry(parent, prefix + name, folder || path[at] != 0) == 0) {
            next = open_inside(root, prefix);
        }
        int error = errno;
        syscall(SYS_close, parent);
        errno = error;
        parent = next;
    }
    return parent;
}

// Mounts `source`, with all that is mounted below it, at `target` inside `root`. The copy gets its attributes before
// anybody can see it (mount_setattr(2)).
static int bind_inside(int root, const char *source, const char *target, int read_only) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, flags);
    if (tree < 0) return -1;
    int in_dev = starts_with(source, "/dev") && (source[4] == 0 || source[4] == '/');
    struct mount_attr attributes = {
        .attr_set = (read_only ? MOUNT_ATTR_RDONLY : 0) | (in_dev ? 0 : MOUNT_ATTR_NODEV)};
    struct stat status;
    int place = -1, result = -1;
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) == 0
        && fstat(tree, &status) == 0 && (place = open_place(root, target, S_ISDIR(status.st_mode))) >= 0) {
        flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
        result = (int)syscall(SYS_move_mount, tree, "", place, "", flags);
    }
    int error = errno;
    if (place >= 0) syscall(SYS_close, place);
    syscall(SYS_close, tree);
    errno = error;
    return result;
}

static int mount_at(const char *kind, const char *target, unsigned long flags, const char *options) {
    return (int)syscall(SYS_mount, kind, target, kind, flags, options);
}

// /dev: the nodes every program expects, terminals and shared memory of its own. With the host's IPC, its shared memory.
static int make_devices(int root, int own_ipc) {
    static const char *const nodes[] = {
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
    };
    static const char *const links[][2] = {
        {"pts/ptmx", "dev/ptmx"}, {"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
        {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"},
    };
    unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (syscall(SYS_mkdirat, AT_FDCWD, "dev", 0755) < 0 || syscall(SYS_mkdirat, AT_FDCWD, "dev/pts", 0755) < 0) return -1;
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        if (bind_inside(root, nodes[i], nodes[i], 0) < 0) return -1;
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (syscall(SYS_symlinkat, links[i][0], AT_FDCWD, links[i][1]) < 0) return -1;
    }
    const char *terminals = "newinstance,ptmxmode=0666,mode=0620,gid=5";
    if (mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, terminals) < 0) return -1;
    if (!own_ipc) return bind_inside(root, "/dev/shm", "/dev/shm", 0) < 0 && errno != ENOENT ? -1 : 0;
    if (syscall(SYS_mkdirat, AT_FDCWD, "dev/shm", 0755) < 0) return -1;
    return mount_at("tmpfs", "dev/shm", plain, "mode=1777,size=64m");
}

// A fresh /proc whose switches of the whole machine cannot be written, and whose view of its memory cannot be read: a user
// with uid 0 may do both without any capability.
static int make_proc(int root) {
    static const char *const fixed[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
    static const char *const hidden[] = {
        "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug",
    };
    static const char *const empty[] = {"proc/acpi", "proc/scsi"};
    unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (syscall(SYS_mkdirat, AT_FDCWD, "proc", 0555) < 0 || mount_at("proc", "proc", plain, NULL) < 0) return -1;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        // The new /proc is at "proc" of the working folder, which is the new root.
        if (bind_inside(root, fixed[i] + 1, fixed[i], 1) < 0 && errno != ENOENT) return -1;
    }
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        if (syscall(SYS_faccessat, AT_FDCWD, hidden[i] + 1, F_OK) < 0) continue;
        if (bind_inside(root, "/dev/null", hidden[i], 1) < 0) return -1;
    }
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        if (mount_at("tmpfs", empty[i], plain | MS_RDONLY, "mode=0555") < 0 && errno != ENOENT) return -1;
    }
    return 0;
}

// mount -t tmpfs; /proc; /dev. The folder is what a task without a working directory of its own writes to, so all may.
static int make_memory_root(const drover_spawn_spec *spec) {
    if (mount_at("tmpfs", spec->root, MS_NOSUID | MS_NODEV, "mode=1777,size=64m") < 0) return -1;
    if (syscall(SYS_chdir, spec->root) < 0) return -1;
    int root = (int)syscall(SYS_openat, AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (root < 0) return -1;
    if (make_proc(root) < 0 || make_devices(root, (spec->namespaces & CLONE_NEWIPC) != 0) < 0) return -1;
    return (int)syscall(SYS_close, root);
}

// Makes the root of the specification the one of this process, whose working folder it is.
static int change_root(const drover_spawn_spec *spec) {
    if (syscall(SYS_chdir, spec->root) < 0) return -1;
    if ((spec->flags & DROVER_SPAWN_NO_PIVOT) != 0) {
        if (syscall(SYS_mount, ".", "/", NULL, MS_MOVE, NULL) < 0 || syscall(SYS_chroot, ".") < 0) return -1;
    } else {
        // pivot_root(".", ".") stacks the old root under the new one; then the old one is let go (pivot_root(2), NOTES).
        if (syscall(SYS_pivot_root, ".", ".") < 0 || syscall(SYS_umount2, ".", MNT_DETACH) < 0) return -1;
    }
    return (int)syscall(SYS_chdir, "/");
}

static int make_binds(const drover_spawn_spec *spec, const char **what) {
    const char *folder = spec->root == NULL ? "/" : spec->root;
    int root = (int)syscall(SYS_openat, AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (root < 0) return -1;
    for (size_t i = 0; i < spec->bind_count; i++) {
        const drover_spawn_bind *bind = &spec->binds[i];
        *what = bind->source;
        if (bind_inside(root, bind->source, bind->target, bind->read_only != 0) < 0) return -1;
    }
    *what = NULL;
    return (int)syscall(SYS_close, root);
}

int enter_root(const drover_spawn_spec *spec, int *stage, const char **what) {
    int in_memory = (spec->flags & DROVER_SPAWN_ROOT_TMPFS) != 0;
    *stage = DROVER_SPAWN_STAGE_MOUNT;
    // Mount points are made for all to pass, whatever the caller's umask, which the program keeps.
    long mask = syscall(SYS_umask, 0);
    if (syscall(SYS_mount, "none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
    *what = spec->root;
    if (in_memory && make_memory_root(spec) < 0) return -1;
    if (!in_memory && spec->root != NULL && syscall(SYS_mount, spec->root, spec->root, NULL, MS_BIND | MS_REC, NULL) < 0) {
        return -1;
    }
    if (make_binds(spec, what) < 0) return -1;
    if (spec->root != NULL) {
        *stage = DROVER_SPAWN_STAGE_ROOT;
        if (change_root(spec) < 0) return -1;
    }
    if (!in_memory && (spec->flags & DROVER_SPAWN_MOUNT_PROC) != 0) {
        *stage = DROVER_SPAWN_STAGE_MOUNT;
        if (mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return -1;
    }
    syscall(SYS_umask, mask);
    return 0;
}
