// SPDX-License-Identifier: Apache-2.0
//
// drover-shim RUN_FOLDER: the one small process between the agent and a task. It isolates and starts the task that
// RUN_FOLDER/spec describes, carries its output into rotated files, records `state`, and outlives whoever
// started it. When it dies, its task dies with it. README.md tells the protocol; spec.h and record.h the files.
#define _GNU_SOURCE
#include "CSpawn.h"
#include "fault.h"
#include "logs.h"
#include "reap.h"
#include "record.h"
#include "spec.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

// Descriptor that CSpawn hands over: the launcher reads one line from it (README.md, "The answer").
#define REPORT 3
// How long output of processes that outlived every kill is waited for.
#define DRAIN_MS 500

static shim_spec spec;
static log_stream streams[2];

static void report(const char *word, int stage, int number, const char *detail) {
    char buffer[512];
    text out = text_over(buffer, sizeof buffer - 1);
    text_add(&out, word);
    text_add(&out, " ");
    text_add_number(&out, stage);
    text_add(&out, " ");
    text_add_number(&out, number);
    text_add(&out, " ");
    text_add(&out, detail);
    buffer[out.length++] = '\n';
    ssize_t ignored = write(REPORT, buffer, out.length);
    (void)ignored;
    close(REPORT);
}

// A session of its own, which no signal to the launcher's reaches. It stays the launcher's child until that ends.
static int detach(void) {
    if (setsid() < 0) return -1;
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

// Takes the attempt's lock, which is the folder's. Held until this process ends, so "can the lock be had?" is the question "is it
// alive?". Whoever asks that holds it for a moment.
static int take_lock(int run) {
    for (int turn = 0; turn < 5; turn++) {
        if (flock(run, LOCK_EX | LOCK_NB) == 0) return 0;
        if (errno != EWOULDBLOCK) return -1;
        poll(NULL, 0, 1);
    }
    errno = EWOULDBLOCK;
    return -1;
}

static int open_stream(log_stream *stream, int folder, const char *name, int *write_end) {
    if (log_open(stream, folder, name, spec.log_files_max, spec.log_bytes_max) < 0) return -1;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) return -1;
    stream->source = ends[0];
    *write_end = ends[1];
    return 0;
}

static int open_streams(void) {
    streams[0].source = -1;
    streams[1].source = -1;
    spec.spawn.stdio[0] = spec.spawn.stdio[1] = spec.spawn.stdio[2] = -1;
    if (spec.log_dir == NULL) return 0;
    int folder = open(spec.log_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return -1;
    if (open_stream(&streams[0], folder, spec.log_names[0], &spec.spawn.stdio[1]) < 0) return -1;
    return open_stream(&streams[1], folder, spec.log_names[1], &spec.spawn.stdio[2]);
}

// What poll says of a stream.
static void carry(log_stream *stream, short events) {
    if (stream->source < 0 || events == 0) return;
    if ((events & POLLIN) != 0) log_carry(stream);
    else log_end(stream);
}

// Carries output and waits until the main process has ended. SIGTERM to the shim means: end everything now.
static int run_until_exit(int signals, int main_pid) {
    int status = 0;
    for (;;) {
        struct pollfd polled[3] = {{signals, POLLIN, 0}, {streams[0].source, POLLIN, 0}, {streams[1].source, POLLIN, 0}};
        if (poll(polled, 3, -1) < 0) continue;
        for (int i = 0; i < 2; i++) carry(&streams[i], polled[i + 1].revents);
        if (polled[0].revents == 0) continue;
        struct signalfd_siginfo info;
        if (read(signals, &info, sizeof info) != sizeof info) continue;
        if (info.ssi_signo == SIGTERM) kill_everything(spec.cgroups, spec.own_cgroup_count);
        if (reap_children(main_pid, &status)) return status;
    }
}

static void drain_streams(void) {
    int64_t deadline = wall_time() + DRAIN_MS * 1000000ll;
    for (;;) {
        struct pollfd polled[2] = {{streams[0].source, POLLIN, 0}, {streams[1].source, POLLIN, 0}};
        if (streams[0].source < 0 && streams[1].source < 0) return;
        int64_t left = (deadline - wall_time()) / 1000000;
        if (left <= 0 || left > DRAIN_MS || poll(polled, 2, (int)left) <= 0) return;
        for (int i = 0; i < 2; i++) carry(&streams[i], polled[i].revents);
    }
}

// Returns the descriptor of `state`, to be told of the task; -1 when it was not started.
static int start_task(int run, drover_spawn_result *result) {
    int state = record_starting(run, wall_time());
    if (state < 0) {
        report("failed", 0, errno, "cannot write the state record");
        return -1;
    }
    spec.spawn.flags |= DROVER_SPAWN_SETSID | DROVER_SPAWN_DIE_WITH_PARENT;
    fault_point("shim.spawn.before");
    if (drover_spawn(&spec.spawn, result) < 0) {
        unlinkat(run, "state", 0);
        const char *what = result->what != NULL ? result->what : drover_spawn_stage_name(result->stage);
        report("failed", result->stage, result->error, what);
        return -1;
    }
    for (int i = 1; i < 3; i++) {
        if (spec.spawn.stdio[i] >= 0) close(spec.spawn.stdio[i]);
    }
    spec_forget_words(&spec);
    return state;
}

static void finish(int state, int status) {
    exit_record record = {0};
    record.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    record.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    record.oom = killed_for_memory(spec.cgroups, spec.own_cgroup_count);
    end_everything(spec.cgroups, spec.own_cgroup_count);
    drain_streams();
    record.dropped = streams[0].dropped + streams[1].dropped;
    fault_point("shim.end.before");
    // A full disk must not lose the exit: try for a while, then leave it to the executor to call the task lost.
    for (int turn = 0; turn < 50 && record_exit(state, &record) < 0; turn++) poll(NULL, 0, 100);
    fault_point("shim.end.after");
}

static int open_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

// Opens the run folder and becomes the one shim of this attempt; -1 when another is, or was, it.
static int claim(const char *folder) {
    int run = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run < 0) {
        report("failed", 0, errno, "cannot open the run folder");
        return -1;
    }
    if (take_lock(run) < 0) {
        report(errno == EWOULDBLOCK ? "running" : "failed", 0, errno, "lock");
        return -1;
    }
    if (faccessat(run, "state", F_OK, 0) == 0) {
        report("ended", 0, 0, "this attempt has run before");
        return -1;
    }
    return run;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        static const char usage[] = "usage: drover-shim RUN_FOLDER   (started by Drover's executor; see its README)\n";
        ssize_t ignored = write(2, usage, sizeof usage - 1);
        (void)ignored;
        return 2;
    }
    fcntl(REPORT, F_SETFD, FD_CLOEXEC);
    if (detach() < 0) {
        report("failed", 0, errno, "cannot detach");
        return 1;
    }
    int run = claim(argv[1]);
    if (run < 0) return 1;
    const char *key;
    const char *problem = spec_read(run, &spec, &key);
    if (problem != NULL) {
        char detail[256];
        text out = text_over(detail, sizeof detail);
        text_add(&out, "spec: ");
        text_add(&out, key);
        text_add(&out, ": ");
        text_add(&out, problem);
        report("failed", 0, EINVAL, text_end(&out));
        return 1;
    }
    if (open_streams() < 0) {
        report("failed", 0, errno, "cannot open the log files");
        return 1;
    }
    int signals = open_signals();
    if (signals < 0) return 1;
    drover_spawn_result task;
    int state = start_task(run, &task);
    if (state < 0) return 1;
    fault_point("shim.spawn.after");
    if (record_started(state, task.pid) < 0) {
        // A task that nobody can find again must not run.
        int error = errno;
        end_everything(spec.cgroups, spec.own_cgroup_count);
        unlinkat(run, "state", 0);
        report("failed", 0, error, "cannot write the state record");
        return 1;
    }
    fault_point("shim.answer.before");
    report("started", 0, task.pid, "");
    fault_point("shim.answer.after");
    if (chdir("/") < 0) return 1;
    finish(state, run_until_exit(signals, task.pid));
    return 0;
}
