// A fingerprinter that runs a program of the operator's and tells the lines "name=value" that it writes as attributes:
// plugin "script" { config { command = "/etc/drover/attributes"  period = "5m"  timeout = "2s" } }
// cc -std=c99 -shared -fPIC -I ../../Sources/CDroverABI/include -o libdrover-fingerprint-script.so script.c
#define _POSIX_C_SOURCE 200809L
#include <drover/drover.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The host gives a probe ten seconds (fingerprint.h), so "timeout" ends at eight.
DROVER_MANIFEST("script", "1.0.0", "[\"drover.fingerprint/1\"]",
                ",\"config_schema\":{\"command\":{\"type\":\"string\"},"
                "\"period\":{\"type\":\"duration\",\"default\":\"5m\"},"
                "\"timeout\":{\"type\":\"duration\",\"default\":\"2s\",\"max\":8000000000}}");

#define OUTPUT_MAX 65536
extern char **environ;
typedef struct script { char command[1024]; int64_t period_ns, timeout_ns; } script;

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// Runs the command in a process group of its own and reads what it writes; the group is ended when its time is over.
// Returns the length read, or -1 with the reason in `reason`.
static int64_t run(const script *self, char *output, char *reason) {
    char *arguments[] = {(char *)self->command, NULL};
    const int64_t deadline = now_ns() + self->timeout_ns;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int pipes[2], status = 0, error, is_late = 0;
    int64_t length = 0;
    pid_t pid = 0;
    if (pipe(pipes) != 0) { sprintf(reason, "pipe: %s", strerror(errno)); return -1; }
    fcntl(pipes[0], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
    posix_spawn_file_actions_addclose(&actions, pipes[1]);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    error = posix_spawn(&pid, self->command, &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(pipes[1]);
    while (error == 0) {
        struct pollfd wish = {pipes[0], POLLIN, 0};
        const int64_t left = deadline - now_ns();
        ssize_t count;
        is_late = left <= 0 || poll(&wish, 1, (int)(left / 1000000) + 1) == 0;
        if (is_late || length == OUTPUT_MAX) { break; }
        count = read(pipes[0], output + length, (size_t)(OUTPUT_MAX - length));
        if (count < 0 && errno == EINTR) { continue; }
        if (count <= 0) { break; }
        length += count;
    }
    close(pipes[0]);
    if (error != 0) { sprintf(reason, "cannot run it: %s", strerror(error)); return -1; }
    if (is_late || length == OUTPUT_MAX) { kill(-pid, SIGKILL); }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (is_late) { sprintf(reason, "it wrote for longer than its timeout"); return -1; }
    if (length == OUTPUT_MAX) { sprintf(reason, "it writes more than 64 KiB"); return -1; }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) { return length; }
    sprintf(reason, "it ended with %s %d", WIFEXITED(status) ? "exit code" : "signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return -1;
}

static int is_name(const char *text, size_t length) {
    size_t at;
    for (at = 0; at < length; at++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", text[at])) { return 0; }
    }
    return length > 0;
}

// Appends `text` as the inside of a JSON string; each byte takes six at most. Returns the end.
static char *append(char *to, const char *text, size_t length) {
    size_t at;
    for (at = 0; at < length; at++) {
        const unsigned char c = (unsigned char)text[at];
        if (c < 0x20) { to += sprintf(to, "\\u%04x", c); continue; }
        if (c == '"' || c == '\\') { *to++ = '\\'; }
        *to++ = (char)c;
    }
    return to;
}

static int32_t probe(void *instance, drover_text known, drover_sink out) {
    const script *self = instance;
    char reason[256], *output, *answer, *line, *end;
    int64_t length;
    int32_t code;
    (void)known;
    if (!self->command[0]) { return drover_reply(out, DROVER_OK, "{}"); }
    output = malloc(OUTPUT_MAX + 1);
    answer = malloc(6 * OUTPUT_MAX + 128);
    if (!output || !answer) { free(output); free(answer); return drover_reply(out, DROVER_E_RETRY, "out of memory"); }
    length = run(self, output, reason);
    end = answer + sprintf(answer, "{\"period_ns\":%lld,\"attributes\":{", (long long)self->period_ns);
    output[length < 0 ? 0 : length] = 0;
    for (line = output; length >= 0 && *line;) {
        const size_t size = strcspn(line, "\n"), name = strcspn(line, "=\n");
        if (size > 0 && (name == size || !is_name(line, name))) {
            sprintf(reason, "its line \"%.*s\" is not name=value", (int)(size < 100 ? size : 100), line);
            length = -1;
        } else if (size > 0) {
            *end++ = '"';
            end = append(end, line, name);
            end += sprintf(end, "\":\"");
            end = append(end, line + name + 1, size - name - 1);
            end += sprintf(end, "\",");
        }
        line += size + (line[size] == '\n');
    }
    if (length < 0) {
        sprintf(answer, "%s: %s", self->command, reason);
        code = drover_reply(out, DROVER_E_INVALID, answer);
    } else {
        if (end[-1] == ',') { end--; }
        sprintf(end, "}}");
        code = drover_reply(out, DROVER_OK, answer);
    }
    free(output);
    free(answer);
    return code;
}
static const drover_fingerprint fingerprint = {sizeof(drover_fingerprint), 0, probe};

static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    const drover_text command = drover_json_inside(drover_json_get(config, "command"));
    script *self = calloc(1, sizeof(script));
    (void)host;
    if (!self) { return drover_reply(error, DROVER_E_RETRY, "out of memory"); }
    if (command.length >= sizeof(self->command) || (command.length > 0 && command.data[0] != '/')) {
        free(self);
        return drover_reply(error, DROVER_E_INVALID, "\"command\" must be an absolute path under 1,024 bytes");
    }
    if (command.length > 0) { memcpy(self->command, command.data, (size_t)command.length); }
    self->period_ns = drover_json_integer(drover_json_get(config, "period"), INT64_C(300000000000));
    self->timeout_ns = drover_json_integer(drover_json_get(config, "timeout"), INT64_C(2000000000));
    *instance = self;
    return DROVER_OK;
}
static const void *get_interface(void *self, const char *id) {
    (void)self;
    return strcmp(id, DROVER_FINGERPRINT_1) == 0 ? &fingerprint : NULL;
}

const drover_plugin *drover_plugin_entry(void) {
    static drover_plugin plugin = {sizeof(drover_plugin), DROVER_ABI_VERSION, DROVER_ABI_MAGIC, {0, 0}, {0, 0},
                                   create, get_interface, free};
    plugin.abi_hash = drover_text_of(DROVER_ABI_HASH);
    plugin.manifest = drover_text_of(drover_manifest_json);
    return &plugin;
}
