// SPDX-License-Identifier: Apache-2.0
//
// Ends everything a task has started. The shim is a child subreaper, so a descendant that leaves the session or loses
// its parent becomes the shim's child and is found here, cgroup or not.
#ifndef DROVER_SHIM_REAP_H
#define DROVER_SHIM_REAP_H

#include <stddef.h>

// SIGKILL to every member of the cgroups (cgroup.kill on v2, each of cgroup.procs on v1) and to every child.
void kill_everything(const char *const *cgroups, size_t cgroup_count);

// Reaps all children that have ended; sets `*status` when `main_pid` is among them and returns 1 then.
int reap_children(int main_pid, int *status);

// Kills and reaps until no child is left, at most about two seconds (a process in uninterruptible sleep stays).
void end_everything(const char *const *cgroups, size_t cgroup_count);

// 1 when the kernel counts an out-of-memory kill in one of the cgroups.
int killed_for_memory(const char *const *cgroups, size_t cgroup_count);

#endif
