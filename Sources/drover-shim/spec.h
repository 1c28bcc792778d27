// SPDX-License-Identifier: Apache-2.0
//
// The launch specification: what the shim is to start, read from the file `spec` in the run folder.
//
// Form: records ended by a NUL byte, because argv and env may hold newlines. The first record is
// "drover-shim-spec 1", the last "end" (so a torn file is seen); between them "key=value". Unknown keys, missing
// fields and values out of range are refused with a message that names the key.
//
//   id=TEXT             task id and attempt, for messages            (required)
//   path=FILE           program, absolute on the host or in the root  (required)
//   argv=TEXT           one a record, in order, argv[0] first        (at least one)
//   env=NAME=VALUE      one a record
//   cwd=FOLDER          working directory
//   uid=N gid=N group=N user, primary group, further groups (one a record)
//   cgroup=FOLDER       cgroup of this task alone, to join and to kill; v1 has one a controller
//   cgroup_join=FOLDER  cgroup of others, to join only
//   limit=RES SOFT HARD resource limit by number; -1 is unlimited
//   oom_score_adj=N     -1000 ... 1000
//   namespaces=N        CLONE_NEW* bits
//   network=FILE        network namespace to enter, without CLONE_NEWNET
//   root=FOLDER         new root, with CLONE_NEWNS
//   root_tmpfs=1        the new root is made in memory on the empty folder `root`, with /proc and /dev
//   no_pivot=1          change the root without pivot_root
//   bind=ro|rw SRC\tDST bind mount; DST inside the new root
//   hostname=TEXT       with CLONE_NEWUTS
//   mount_proc=1        fresh /proc
//   capabilities=N      mask of capabilities kept
//   no_new_privs=1
//   seccomp=1           the default system call filter
//   log_dir=FOLDER      folder of the log files; without it output is discarded
//   log_stdout=NAME     log files of standard output are NAME.0, NAME.1, ...
//   log_stderr=NAME     the same for standard error
//   log_files_max=N     1 ... 1000, files kept a stream
//   log_bytes_max=N     1 ... 2^40, bytes a file
#ifndef DROVER_SHIM_SPEC_H
#define DROVER_SHIM_SPEC_H

#include "CSpawn.h"

#define SPEC_BYTES_MAX (4u << 20)
#define SPEC_GROUPS_MAX 64
#define SPEC_CGROUPS_MAX 16
#define SPEC_LIMITS_MAX 16
#define SPEC_BINDS_MAX 256

typedef struct shim_spec {
    drover_spawn_spec spawn;
    const char *id;
    const char *log_dir;
    const char *log_names[2]; // stdout, stderr
    uint32_t log_files_max;
    uint64_t log_bytes_max;
    // Storage the spawn specification points into; strings point into `bytes`, the mapped file.
    char *bytes;
    size_t byte_count;
    char **words;
    size_t word_bytes;
    const char *cgroups[2 * SPEC_CGROUPS_MAX]; // the task's own first
    size_t own_cgroup_count;
    const char *joined[SPEC_CGROUPS_MAX];
    size_t joined_count;
    uint32_t groups[SPEC_GROUPS_MAX];
    drover_spawn_limit limits[SPEC_LIMITS_MAX];
} shim_spec;

// Reads `spec` in the folder `run`. Returns NULL, or a message (static text) with the offending key in `*key`.
const char *spec_read(int run, shim_spec *spec, const char **key);

// Gives back the memory of the words and binds once the task has been started; log and cgroup names stay.
void spec_forget_words(shim_spec *spec);

#endif
