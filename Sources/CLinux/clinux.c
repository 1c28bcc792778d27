// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const int32_t clinux_rlimit_nofile = RLIMIT_NOFILE;
const int32_t clinux_rlimit_core = RLIMIT_CORE;

int clinux_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int clinux_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int clinux_reap(int pidfd, int waits) {
    // P_PIDFD; libc's headers have it as of version 2.36.
    return waitid((idtype_t)3, (id_t)pidfd, NULL, WEXITED | (waits ? 0 : WNOHANG));
}

int clinux_set_terminal_size(int fd, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(fd, TIOCSWINSZ, &size);
}

int clinux_terminal_peer(int fd) {
    int locked = 0;
    if (ioctl(fd, TIOCSPTLCK, &locked) < 0) return -1;
    return ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int clinux_terminal_size(int fd, uint16_t *rows, uint16_t *columns) {
    struct winsize size = {0};
    int result = ioctl(fd, TIOCGWINSZ, &size);
    *rows = size.ws_row;
    *columns = size.ws_col;
    return result;
}

int clinux_open_beneath(int folder, const char *path, int flags, uint32_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = (flags & O_CREAT) != 0 ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

int clinux_allocate(int fd, int64_t size) { return fallocate(fd, 0, 0, size); }

int clinux_mark_top_folder(int fd) {
    int flags;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return -1;
    flags |= FS_TOPDIR_FL;
    return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

void clinux_set_allocation_steps(int taken, int kept) {
    mallopt(M_TOP_PAD, taken);
    mallopt(M_TRIM_THRESHOLD, kept);
}

const int32_t clinux_clone_newnet = CLONE_NEWNET;

int clinux_unshare(int flags) { return unshare(flags); }

int clinux_setns(int fd, int kind) { return setns(fd, kind); }

int64_t clinux_file_system(const char *path) {
    struct statfs status;
    return statfs(path, &status) < 0 ? -1 : (int64_t)status.f_type;
}

int clinux_raise_interface(int socket, const char *name) {
    struct ifreq request = {.ifr_flags = IFF_UP};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return ioctl(socket, SIOCSIFFLAGS, &request);
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
