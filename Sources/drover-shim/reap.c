// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "reap.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char path_buffer[PATH_MAX];
static char list_buffer[4096];

static const char *member_path(const char *folder, const char *name) {
    text path = text_over(path_buffer, sizeof path_buffer);
    text_add(&path, folder);
    text_add(&path, "/");
    text_add(&path, name);
    return text_end(&path);
}

// Kills each pid that the file at `path` lists, each with a space or newline behind it, never this process. The list may
// be longer than the buffer: a number that its end cuts goes on in the next part.
static void kill_listed(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    int pid = 0;
    for (;;) {
        ssize_t count = read(fd, list_buffer, sizeof list_buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        for (ssize_t i = 0; i < count; i++) {
            if (list_buffer[i] >= '0' && list_buffer[i] <= '9') {
                pid = pid * 10 + (list_buffer[i] - '0');
                continue;
            }
            if (pid > 1 && pid != getpid()) kill(pid, SIGKILL);
            pid = 0;
        }
    }
    close(fd);
}

void kill_everything(const char *const *cgroups, size_t cgroup_count) {
    for (size_t i = 0; i < cgroup_count; i++) {
        if (write_small_file(member_path(cgroups[i], "cgroup.kill"), "1", 1) == 0) continue;
        kill_listed(member_path(cgroups[i], "cgroup.procs"));
    }
    text path = text_over(path_buffer, sizeof path_buffer);
    text_add(&path, "/proc/self/task/");
    text_add_number(&path, getpid());
    text_add(&path, "/children");
    kill_listed(text_end(&path));
}

int reap_children(int main_pid, int *status) {
    int found = 0;
    for (;;) {
        int one = 0;
        int pid = waitpid(-1, &one, WNOHANG);
        if (pid < 0 && errno == EINTR) continue;
        if (pid <= 0) return found;
        if (pid != main_pid) continue;
        *status = one;
        found = 1;
    }
}

void end_everything(const char *const *cgroups, size_t cgroup_count) {
    struct timespec pause = {0, 1000000};
    for (int turn = 0; turn < 200; turn++) {
        kill_everything(cgroups, cgroup_count);
        int status;
        reap_children(0, &status);
        if (waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD) return;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 16000000) pause.tv_nsec *= 2;
    }
}

int killed_for_memory(const char *const *cgroups, size_t cgroup_count) {
    static const char *const files[] = {"memory.events", "memory.oom_control"};
    for (size_t i = 0; i < cgroup_count; i++) {
        for (size_t f = 0; f < 2; f++) {
            if (read_small_file(member_path(cgroups[i], files[f]), list_buffer, sizeof list_buffer) <= 0) continue;
            const char *count = strstr(list_buffer, "oom_kill ");
            if (count != NULL && count[strlen("oom_kill ")] != '0') return 1;
        }
    }
    return 0;
}
