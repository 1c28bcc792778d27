// SPDX-License-Identifier: Apache-2.0
//
// System calls that Swift cannot name: those without a libc function, variadic ones, and those of headers that Swift's Glibc
// leaves out. Each does one call, returns what the kernel returned, and leaves errno set on failure; the retry on EINTR
// belongs to Sources/Linux.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdint.h>
// epoll(7), which needs nothing around it.
#include <sys/epoll.h>

// pidfd_open(2). The descriptor is close-on-exec.
int clinux_pidfd_open(int pid);

// pidfd_send_signal(2), without siginfo.
int clinux_pidfd_send_signal(int pidfd, int signal);

// waitid(2), P_PIDFD: asks for the end of a child, so that nothing of it stays; waits for it if told to. ECHILD for one of others.
// Needs Linux 5.4.
int clinux_reap(int pidfd, int waits);

// ioctl(TIOCSWINSZ).
int clinux_set_terminal_size(int fd, uint16_t rows, uint16_t columns);

// The program's side of a new pseudo-terminal, unlocked: ioctl(TIOCSPTLCK), ioctl(TIOCGPTPEER). Close-on-exec, and nobody's
// controlling terminal. Needs Linux 4.13.
int clinux_terminal_peer(int fd);

// ioctl(TIOCGWINSZ).
int clinux_terminal_size(int fd, uint16_t *rows, uint16_t *columns);

// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS: a path that leaves `folder` by "..", by an absolute link or by a
// link out of it fails with EXDEV. O_CLOEXEC is added. Needs Linux 5.6.
int clinux_open_beneath(int folder, const char *path, int flags, uint32_t mode);

// fallocate(2), mode 0: reserves and extends.
int clinux_allocate(int fd, int64_t size);

// ioctl(FS_IOC_SETFLAGS): FS_TOPDIR_FL added to the flags of a folder.
int clinux_mark_top_folder(int fd);

// memfd_create(2) with MFD_CLOEXEC | MFD_ALLOW_SEALING.
int clinux_memory_file(const char *name);

// unshare(2) and setns(2), of the calling thread alone.
int clinux_unshare(int flags);
int clinux_setns(int fd, int kind);

// CLONE_NEWNET, which C defines where Swift does not look.
extern const int32_t clinux_clone_newnet;

// statfs(2): the magic number of the file system that `path` is on; -1 on failure.
int64_t clinux_file_system(const char *path);

// ioctl(SIOCSIFFLAGS): ip link set NAME up. `socket` is any of the network meant.
int clinux_raise_interface(int socket, const char *name);

// Names the calling thread; 15 bytes are kept.
void clinux_name_thread(const char *name);

// pipe2(O_CLOEXEC): read end, write end.
int clinux_pipe(int ends[2]);

// mallopt(3): how much the allocator takes at a time, and how much may lie free before it is given back; in bytes.
void clinux_set_allocation_steps(int taken, int kept);

// Numbers of RLIMIT_NOFILE and RLIMIT_CORE, which C declares as an enum of its own.
extern const int32_t clinux_rlimit_nofile;
extern const int32_t clinux_rlimit_core;

#endif
