// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "record.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t wall_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void line(text *out, const char *key, int64_t value) {
    text_add(out, key);
    text_add(out, " ");
    text_add_number(out, value);
    text_add(out, "\n");
}

static void process_line(text *out, const char *key, int pid) {
    text_add(out, key);
    text_add(out, " ");
    text_add_number(out, pid);
    text_add(out, " ");
    text_add_number(out, (int64_t)process_start_time(pid));
    text_add(out, "\n");
}

// One write: a reader sees nothing of the text, or all of it.
static int write_text(int fd, const text *content) {
    if (content->cut) {
        errno = ENAMETOOLONG;
        return -1;
    }
    ssize_t count = write(fd, content->bytes, content->length);
    if (count >= 0 && count != (ssize_t)content->length) errno = ENOSPC;
    return count == (ssize_t)content->length ? 0 : -1;
}

int record_starting(int run, int64_t started) {
    int fd = openat(run, "state", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -1;
    char buffer[512], boot[64];
    if (read_small_file("/proc/sys/kernel/random/boot_id", boot, sizeof boot) < 0) boot[0] = 0;
    char *newline = strchr(boot, '\n');
    if (newline != NULL) *newline = 0;
    text out = text_over(buffer, sizeof buffer);
    text_add(&out, "drover-shim-state 1\nboot ");
    text_add(&out, boot);
    text_add(&out, "\n");
    process_line(&out, "shim", getpid());
    line(&out, "started", started);
    text_add(&out, "starting\n");
    if (write_text(fd, &out) == 0) return fd;
    int error = errno;
    unlinkat(run, "state", 0);
    close(fd);
    errno = error;
    return -1;
}

int record_started(int state, int task) {
    char buffer[128];
    text out = text_over(buffer, sizeof buffer);
    process_line(&out, "task", task);
    text_add(&out, "end\n");
    return write_text(state, &out);
}

int record_exit(int state, const exit_record *record) {
    char buffer[256];
    text out = text_over(buffer, sizeof buffer);
    text_add(&out, "\n");
    line(&out, "code", record->code);
    line(&out, "signal", record->signal);
    line(&out, "oom", record->oom);
    line(&out, "lost", 0);
    line(&out, "time", wall_time());
    line(&out, "dropped", (int64_t)record->dropped);
    text_add(&out, "exited\n");
    return write_text(state, &out);
}
