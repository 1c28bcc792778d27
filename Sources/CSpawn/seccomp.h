// SPDX-License-Identifier: Apache-2.0
//
// The default system call filter: what changes the machine for everybody, or widens what a task can reach, is refused.
#ifndef CSPAWN_SECCOMP_H
#define CSPAWN_SECCOMP_H

#include <stdint.h>

// Filters the calling thread and all it starts. `capabilities` are those kept: a call that one of them is for stays allowed.
// Needs no-new-privileges or CAP_SYS_ADMIN; -1 with errno otherwise.
int filter_system_calls(uint64_t capabilities);

#endif
