// SPDX-License-Identifier: Apache-2.0
//
// Text in fixed buffers: what of libc's stdio the shim needs, without its memory.
#ifndef DROVER_SHIM_TEXT_H
#define DROVER_SHIM_TEXT_H

#include <stddef.h>
#include <stdint.h>

// Text that grows up to its buffer; what does not fit is cut, and `cut` says so.
typedef struct text {
    char *bytes;
    size_t length;
    size_t size;
    int cut;
} text;

text text_over(char *buffer, size_t size);
void text_add(text *out, const char *word);
void text_add_number(text *out, int64_t value);
// NUL-terminates and returns the bytes; the terminator always fits.
char *text_end(text *out);

// Parses decimal digits, with a leading "-" allowed; 0 when all of `word` was a number in range, else -1.
int parse_number(const char *word, int64_t *value);

// Reads at most size - 1 bytes of a small file (proc, cgroup) and NUL-terminates. Returns the length or -1.
long read_small_file(const char *path, char *buffer, size_t size);
int write_small_file(const char *path, const char *bytes, size_t length);

// The kernel's start time of a process, in clock ticks since boot (proc(5), /proc/PID/stat field 22); 0 when gone.
uint64_t process_start_time(int pid);

#endif
