// SPDX-License-Identifier: Apache-2.0
//
// What the shim leaves on disk in its run folder: `state` while it works, `exit` at the end. Text, one fact a line. A record
// is whole when its last line says so ("starting" or "end"); each part comes with one write, and is gone or rewritten when that
// fails. Not synced: the records describe live processes, and a power cut ends those too; the boot id tells a reader that
// they are of another life.
//
//   drover-shim-state 1            drover-shim-exit 1
//   boot BOOT_ID                   code N          exit status 0 ... 255
//   shim PID START_TIME            signal N        0, or the signal that ended the task
//   started NANOSECONDS            oom 0|1         the kernel killed in its cgroup for memory
//   starting                       lost 0|1        written by the executor when the shim died before the task was reaped
//   task PID START_TIME            time NANOSECONDS  since 1970
//   end                            dropped N       bytes of output that could not be written
//                                  end
//
// Up to `starting` a state is written before the task is started, the rest after it. START_TIME is /proc/PID/stat field 22,
// which with the pid names one process.
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
// The rest of `state`, which is closed; -1 with errno.
int record_started(int state, int task);
// 0, or -1 when it is not written whole: try again.
int record_exit(int run, const exit_record *record);
// Nanoseconds since 1970.
int64_t wall_time(void);

#endif
