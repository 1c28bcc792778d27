// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// A refused call: its number here, its number for 32-bit programs of the same machine (-1: none), and the capability with
// which it is allowed after all (-1: never).
typedef struct refused_call {
    int32_t number;
    int32_t number32;
    int32_t capability;
} refused_call;

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define ARCHITECTURE32 AUDIT_ARCH_I386
#define CALL(name, number32, capability) {SYS_##name, number32, capability}
#define CLONE32 120
#define CLONE3_32 435
// Calls that only this architecture has: model-specific rights to ports, and old module calls.
#define OWN_CALLS                                                                                                      \
    CALL(iopl, 110, CAP_SYS_RAWIO), CALL(ioperm, 101, CAP_SYS_RAWIO), CALL(create_module, 127, CAP_SYS_MODULE),        \
        CALL(query_module, 167, -1), CALL(get_kernel_syms, 130, -1), CALL(uselib, 86, -1), CALL(ustat, 62, -1),        \
        CALL(sysfs, 135, -1), CALL(_sysctl, 149, -1), {-1, 22, CAP_SYS_ADMIN}, {-1, 25, CAP_SYS_TIME},                 \
        {-1, 166, -1}, {-1, 113, -1}, {-1, 264, CAP_SYS_TIME}, {-1, 404, CAP_SYS_TIME},
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
// 32-bit programs get "no such call" for everything: their numbers are not in the table.
#define CALL(name, number32, capability) {SYS_##name, -1, capability}
#define OWN_CALLS
#else
#error "the table of system calls lacks this architecture; add ARCHITECTURE and CALL above"
#endif

static const refused_call refused[] = {
    OWN_CALLS
    // Mounts and namespaces.
    CALL(mount, 21, CAP_SYS_ADMIN), CALL(umount2, 52, CAP_SYS_ADMIN), CALL(pivot_root, 217, CAP_SYS_ADMIN),
    CALL(move_mount, 429, CAP_SYS_ADMIN), CALL(open_tree, 428, CAP_SYS_ADMIN), CALL(fsopen, 430, CAP_SYS_ADMIN),
    CALL(fsconfig, 431, CAP_SYS_ADMIN), CALL(fsmount, 432, CAP_SYS_ADMIN), CALL(fspick, 433, CAP_SYS_ADMIN),
    CALL(mount_setattr, 442, CAP_SYS_ADMIN), CALL(setns, 346, CAP_SYS_ADMIN), CALL(unshare, 310, CAP_SYS_ADMIN),
    CALL(open_by_handle_at, 342, CAP_DAC_READ_SEARCH),
    // The kernel itself.
    CALL(init_module, 128, CAP_SYS_MODULE), CALL(finit_module, 350, CAP_SYS_MODULE),
    CALL(delete_module, 129, CAP_SYS_MODULE), CALL(kexec_load, 283, CAP_SYS_BOOT), CALL(reboot, 88, CAP_SYS_BOOT),
    CALL(kexec_file_load, -1, CAP_SYS_BOOT), CALL(bpf, 357, CAP_BPF), CALL(perf_event_open, 336, CAP_PERFMON),
    CALL(userfaultfd, 374, CAP_SYS_PTRACE), CALL(syslog, 103, CAP_SYSLOG), CALL(lookup_dcookie, 253, -1),
    CALL(nfsservctl, 169, -1), CALL(swapon, 87, CAP_SYS_ADMIN), CALL(swapoff, 115, CAP_SYS_ADMIN),
    CALL(quotactl, 131, CAP_SYS_ADMIN), CALL(acct, 51, CAP_SYS_PACCT), CALL(sethostname, 74, CAP_SYS_ADMIN),
    CALL(setdomainname, 121, CAP_SYS_ADMIN),
    // Time of the machine.
    CALL(settimeofday, 79, CAP_SYS_TIME), CALL(clock_settime, 264, CAP_SYS_TIME),
    // Key rings are not part of any namespace; rings of input and output pass by this filter.
    CALL(add_key, 286, -1), CALL(request_key, 287, -1), CALL(keyctl, 288, -1), CALL(io_uring_setup, 425, -1),
    CALL(io_uring_enter, 426, -1), CALL(io_uring_register, 427, -1),
};

#define REFUSED_COUNT (sizeof refused / sizeof refused[0])
#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define ANSWER(code) BPF_STMT(BPF_RET | BPF_K, code)
#define UNLESS_EQUAL_SKIP(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)

typedef struct program {
    struct sock_filter steps[4 * REFUSED_COUNT + 32];
    unsigned short count;
} program;

static void add(program *out, struct sock_filter step) { out->steps[out->count++] = step; }

static void refuse(program *out, uint32_t number, uint32_t answer) {
    add(out, (struct sock_filter)UNLESS_EQUAL_SKIP(number, 1));
    add(out, (struct sock_filter)ANSWER(answer));
}

// clone is fine unless it makes namespaces; clone3 hides its flags in memory, so it is "not there" and clone is used.
static void add_clones(program *out, uint32_t clone, uint32_t clone3, uint64_t capabilities) {
    if ((capabilities >> CAP_SYS_ADMIN & 1) != 0) return;
    uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID
        | CLONE_NEWNET;
    refuse(out, clone3, SECCOMP_RET_ERRNO | ENOSYS);
    add(out, (struct sock_filter)UNLESS_EQUAL_SKIP(clone, 4));
    add(out, (struct sock_filter)FIELD(args[0]));
    add(out, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, namespaces, 0, 1));
    add(out, (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | EPERM));
    add(out, (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
}

static void add_table(program *out, int is32, uint64_t capabilities) {
    for (size_t i = 0; i < REFUSED_COUNT; i++) {
        int32_t number = is32 ? refused[i].number32 : refused[i].number, capability = refused[i].capability;
        if (number < 0 || (capability >= 0 && (capabilities >> capability & 1) != 0)) continue;
        refuse(out, (uint32_t)number, SECCOMP_RET_ERRNO | EPERM);
    }
    add(out, (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
}

int filter_system_calls(uint64_t capabilities) {
    program native = {.count = 0}, out = {.count = 0};
    add(&native, (struct sock_filter)FIELD(nr));
#if defined(__x86_64__)
    // x32: the same calls under other numbers.
    add(&native, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
    add(&native, (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | ENOSYS));
#endif
    add_clones(&native, SYS_clone, SYS_clone3, capabilities);
    add_table(&native, 0, capabilities);
    add(&out, (struct sock_filter)FIELD(arch));
    add(&out, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    // A jump that may be longer than a condition's 255 steps.
    add(&out, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, native.count));
    for (unsigned short i = 0; i < native.count; i++) add(&out, native.steps[i]);
#if defined(ARCHITECTURE32)
    add(&out, (struct sock_filter)UNLESS_EQUAL_SKIP(ARCHITECTURE32, 1));
    add(&out, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1));
    add(&out, (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | ENOSYS));
    add(&out, (struct sock_filter)FIELD(nr));
    add_clones(&out, CLONE32, CLONE3_32, capabilities);
    add_table(&out, 1, capabilities);
#else
    add(&out, (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | ENOSYS));
#endif
    struct sock_fprog filter = {.len = out.count, .filter = out.steps};
    return (int)syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}
