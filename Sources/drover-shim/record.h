// SPDX-License-Identifier: Apache-2.0
//
// What the shim leaves on disk in its run folder: `state` while it works, `exit` at the end. Text, one fact a line, the
// last line "end"; written beside and renamed, so a reader sees a whole file or none. Not synced: the records describe
// live processes, and a power cut ends those too; the boot id tells a reader that they are of another life.
//
//   drover-shim-state 1            drover-shim-exit 1
//   boot BOOT_ID                   code N          exit status 0 ... 255
//   shim PID START_TIME            signal N        0, or the signal that ended the task
//   task PID START_TIME            oom 0|1         the kernel killed in its cgroup for memory
//   started NANOSECONDS            lost 0|1        written by the executor when the shim died before the task was reaped
//   end                            time NANOSECONDS  since 1970
//                                  dropped N       bytes of output that could not be written
//                                  end
//
// `task 0 0` means: about to start. START_TIME is /proc/PID/stat field 22, which with the pid names one process.
#ifndef DROVER_SHIM_RECORD_H
#define DROVER_SHIM_RECORD_H

#include <stdint.h>

typedef struct exit_record {
    int code;
    int signal;
    int oom;
    uint64_t dropped;
} exit_record;

int record_state(int run, int task, int64_t started);
int record_exit(int run, const exit_record *record);
// Nanoseconds since 1970.
int64_t wall_time(void);

#endif
