// SPDX-License-Identifier: Apache-2.0
//
// The file system a new process sees. Runs in the child, between clone and execve: raw system calls only.
#ifndef CSPAWN_ROOT_H
#define CSPAWN_ROOT_H

#include "CSpawn.h"

// Makes mounts private, makes the root and its binds, and changes to it. -1 with errno, the stage, and the path that failed.
int enter_root(const drover_spawn_spec *spec, int *stage, const char **what);

#endif
