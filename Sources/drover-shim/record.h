// SPDX-License-Identifier: Apache-2.0
//
// What the shim leaves on disk in its run folder: `state`, in three parts, each added with one write and whole when its last line
// says so. Text, one fact a line. Not synced: the record describes live processes, and a power cut ends those too; the boot id tells
// a reader that they are of another life.
//
//   drover-shim-state 1
//   boot BOOT_ID
//   shim PID START_TIME
//   started NANOSECONDS
//   starting            written before the task is started
//   task PID START_TIME
//   end                 once it runs; START_TIME is /proc/PID/stat field 22, which with the pid names one process
//                       an empty line, should an earlier try have left a piece of what follows
//   code N              exit status 0 ... 255
//   signal N            0, or the signal that ended the task
//   oom 0|1             the kernel killed in its cgroup for memory
//   lost 0|1            written by the executor when the shim died before the task was reaped
//   time NANOSECONDS    since 1970
//   dropped N           bytes of output that could not be written
//   exited
//
// One file, and not one a part: making a file costs more than all that is written here.
#ifndef DROVER_SHIM_RECORD_H
#define DROVER_SHIM_RECORD_H

#include <stdint.h>

typedef struct exit_record {
    int code;
    int signal;
    int oom;
    uint64_t dropped;
} exit_record;

// "About to start": returns the descriptor of `state` for record_started, or -1 with errno and no `state`.
int record_starting(int run, int64_t started);
// The task runs; -1 with errno.
int record_started(int state, int task);
// How it ended. 0, or -1 when it is not written whole: try again.
int record_exit(int state, const exit_record *record);
// Nanoseconds since 1970.
int64_t wall_time(void);

#endif
