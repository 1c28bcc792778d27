// SPDX-License-Identifier: Apache-2.0
//
// Carries one output stream of a task into rotated files NAME.N in the log folder.
//
// N starts at 0 and only grows; writing goes on in the highest N found, so a restarted task appends. The first file is made with
// the first byte: many a task writes nothing, to standard error at least. A file that is full is closed and N + 1 begun; files
// up to N - max are removed. A task is never held up by its log: what cannot be written (disk full, folder gone) is dropped and
// counted, and every later write tries again.
#ifndef DROVER_SHIM_LOGS_H
#define DROVER_SHIM_LOGS_H

#include <stddef.h>
#include <stdint.h>

#define LOG_NAME_MAX 255

typedef struct log_stream {
    int source;  // read end of the task's pipe; -1 after its end
    int folder;  // the log folder
    int file;    // file being written; -1 before the first byte, and when none could be opened
    uint32_t files_max;
    uint64_t bytes_max;
    uint64_t bytes;   // in the current file
    uint64_t index;   // N of the current file
    uint64_t dropped; // bytes lost since the start
    char name[LOG_NAME_MAX + 1]; // "TASK.stdout"
} log_stream;

// Looks where the stream is to go on. `name` with the number must fit a file name; else -1 with errno.
int log_open(log_stream *stream, int folder, const char *name, uint32_t files_max, uint64_t bytes_max);

// Moves what is waiting in the pipe - something is - to the files, at most 1 MiB a call. Returns 1 while the pipe lives, 0 at its end.
int log_carry(log_stream *stream);

// For a pipe at its end.
void log_end(log_stream *stream);

#endif
