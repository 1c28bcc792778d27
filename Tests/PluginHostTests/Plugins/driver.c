// A driver for tests: its "tasks" live in the key-value state, and a task's config says how the driver misbehaves.
#define _GNU_SOURCE
#include <drover/drover.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "1.2.3"
#endif
DROVER_MANIFEST("faulty", VERSION, "[\"drover.driver/1\"]",
                ",\"config_schema\":{\"create\":{\"type\":\"string\",\"default\":\"\"},\"probe\":{\"type\":\"string\",\"default\":\"\"}}"
                ",\"task_schema\":{\"fault\":{\"type\":\"string\",\"default\":\"\"},\"delay\":{\"type\":\"duration\",\"default\":\"1ms\"}}");

#define WAITERS 64
static const drover_kv *kv;
static const drover_log *logger;
static const drover_event *events;
static const drover_clock *times;
static const drover_dirs *dirs;
static const drover_metrics *metrics;
static struct { char id[64]; drover_call call; } waiters[WAITERS];
static char probe_fault[32];

typedef struct text_buffer { char bytes[512]; size_t length; } text_buffer;
static int32_t take(void *context, drover_bytes bytes) {
    text_buffer *buffer = context;
    if (buffer->length + bytes.length >= sizeof buffer->bytes) { return DROVER_E_LIMIT; }
    memcpy(buffer->bytes + buffer->length, bytes.data, (size_t)bytes.length);
    buffer->length += (size_t)bytes.length;
    buffer->bytes[buffer->length] = 0;
    return DROVER_OK;
}
static drover_sink into(text_buffer *buffer) {
    drover_sink sink = {buffer, take};
    buffer->length = 0;
    buffer->bytes[0] = 0;
    return sink;
}
static int has(const char *key) {
    text_buffer value;
    return kv->get(drover_text_of(key), into(&value)) == DROVER_OK;
}
static void put(const char *key, const char *value) { kv->put(drover_text_of(key), drover_text_of(value)); }
// Whether this is the first time ever that `what` happens, over all processes.
static int first(const char *what) {
    char key[128];
    snprintf(key, sizeof key, "once.%s", what);
    if (has(key)) { return 0; }
    put(key, "1");
    return 1;
}
static void keyed(char *key, size_t size, const char *prefix, drover_text id) {
    snprintf(key, size, "%s.%.*s", prefix, (int)id.length, (const char *)id.data);
}
static void crash(void) { *(volatile int *)8 = 1; }

static void misbehave(const char *fault) {
    if (strcmp(fault, "segv") == 0) { crash(); }
    if (strcmp(fault, "abort") == 0) { fprintf(stderr, "the end is near\n"); abort(); }
    if (strcmp(fault, "exit") == 0) { _exit(9); }
    if (strcmp(fault, "hang") == 0) { for (;;) { pause(); } }
}

static int32_t capabilities(void *self, drover_sink out) {
    (void)self;
    return drover_reply(out, DROVER_OK, "{\"send_signals\":true,\"exec\":true,\"fs_isolation\":\"none\",\"network_isolation\":[\"host\",\"group\"],"
                                         "\"must_create_network\":true}");
}
static int32_t fingerprint(void *self, drover_sink out) {
    (void)self;
    if (strcmp(probe_fault, "garbage") == 0) { return drover_reply(out, DROVER_OK, "{\"health\":\"splendid\"}"); }
    if (strcmp(probe_fault, "positive") == 0) { return drover_reply(out, 7, "seven"); }
    if (strcmp(probe_fault, "flood") == 0) {
        static const char bytes[4096];
        drover_bytes page = {(const uint8_t *)bytes, sizeof bytes};
        int32_t code = DROVER_OK;
        while (code == DROVER_OK) { code = out.write(out.context, page); }
        return code;
    }
    if (probe_fault[0] && first(probe_fault)) { misbehave(probe_fault); }
    return drover_reply(out, DROVER_OK, "{\"health\":\"healthy\",\"attributes\":{\"driver.faulty\":\"1\"},\"period_ns\":0}");
}

static void start(void *self, drover_text task, drover_call call) {
    const drover_text id = drover_json_inside(drover_json_get(task, "id"));
    const drover_text config = drover_json_get(task, "config");
    const drover_text fault = drover_json_inside(drover_json_get(config, "fault"));
    char key[128], what[64];
    (void)self;
    snprintf(what, sizeof what, "%.*s", (int)fault.length, (const char *)fault.data);
    if (strncmp(what, "late ", 5) != 0 && what[0] && first(what)) { misbehave(what); }
    if (strcmp(what, "garbage") == 0) { drover_complete(call, DROVER_OK, "no JSON"); return; }
    if (strcmp(what, "positive") == 0) { drover_complete(call, 7, "seven"); return; }
    if (strcmp(what, "refuse") == 0) { drover_complete(call, DROVER_E_RETRY, "no room today"); return; }
    if (strcmp(what, "silence") == 0) { return; }
    keyed(key, sizeof key, "task", id);
    put(key, "running");
    // The task runs, but the answer is lost.
    if (strncmp(what, "late ", 5) == 0 && first(what)) { misbehave(what + 5); }
    logger->write(DROVER_LOG_INFO, drover_text_of("started"), drover_text_of("{\"task\":\"t\"}"));
    metrics->add(drover_text_of("starts"), 1, drover_text_of("{}"));
    events->task(id, drover_text_of("on its way"), drover_text_of("{\"step\":\"1\"}"));
    if (strcmp(what, "folders") == 0) {
        text_buffer folder;
        dirs->task(id, drover_text_of("local"), into(&folder));
        put("local", folder.bytes);
    }
    if (strcmp(what, "twice") == 0) { drover_complete(call, DROVER_OK, "{\"handle\":{\"version\":1}}"); }
    drover_complete(call, DROVER_OK, "{\"handle\":{\"version\":1,\"pid\":4711},\"network\":{\"ip\":\"10.0.0.2\",\"port_map\":{\"http\":80}}}");
}
static void recover(void *self, drover_text task, drover_text handle, drover_call call) {
    char key[128];
    (void)self, (void)handle;
    keyed(key, sizeof key, "task", drover_json_inside(drover_json_get(task, "id")));
    if (!has(key)) { drover_complete(call, DROVER_E_NOT_FOUND, "no such task"); return; }
    drover_complete(call, DROVER_OK, "{\"handle\":{\"version\":1,\"recovered\":true}}");
}
static void cancelled(void *argument) {
    const drover_call call = waiters[(size_t)argument].call;
    waiters[(size_t)argument].id[0] = 0;
    drover_complete(call, DROVER_E_CANCELLED, "cancelled");
}
static void wait_(void *self, drover_text id, drover_call call) {
    char key[128];
    size_t slot = 0;
    (void)self;
    keyed(key, sizeof key, "exit", id);
    if (has(key)) { drover_complete(call, DROVER_OK, "{\"exit_code\":5,\"signal\":0,\"oom_killed\":false}"); return; }
    while (slot < WAITERS && waiters[slot].id[0]) { slot++; }
    snprintf(waiters[slot].id, sizeof waiters[slot].id, "%.*s", (int)id.length, (const char *)id.data);
    waiters[slot].call = call;
    call.functions->on_cancel(call.context, cancelled, (void *)slot);
}
static void stop(void *self, drover_text id, drover_text signal, int64_t timeout_ns, drover_call call) {
    char key[128];
    size_t slot;
    (void)self, (void)signal, (void)timeout_ns;
    keyed(key, sizeof key, "exit", id);
    put(key, "5");
    for (slot = 0; slot < WAITERS; slot++) {
        if (waiters[slot].id[0] && strncmp(waiters[slot].id, (const char *)id.data, (size_t)id.length) == 0) {
            waiters[slot].id[0] = 0;
            drover_complete(waiters[slot].call, DROVER_OK, "{\"exit_code\":5,\"signal\":0,\"oom_killed\":false}");
        }
    }
    times->sleep(1000000, call);  // completes our caller's call itself
}
static int32_t signal_(void *self, drover_text id, drover_text signal, drover_sink out) {
    char message[128];
    (void)self, (void)id;
    snprintf(message, sizeof message, "cannot send %.*s", (int)signal.length, (const char *)signal.data);
    return drover_reply(out, DROVER_E_STATE, message);
}
static void exec(void *self, drover_text id, drover_text exec_id, drover_text request, int32_t in, int32_t out,
                 int32_t err, drover_call call) {
    char line[64];
    ssize_t got = read(in, line, sizeof line);
    (void)self, (void)id, (void)exec_id, (void)request, (void)err;
    if (got < 0 || write(out, line, (size_t)got) != got) { drover_complete(call, DROVER_E_IO, "echo failed"); return; }
    drover_complete(call, DROVER_OK, "{\"exit_code\":3,\"signal\":0}");
}
static int32_t stats(void *self, drover_text ids, drover_sink out) {
    struct { drover_task_stats stats; char id[8]; } record;
    drover_bytes bytes = {(const uint8_t *)&record, sizeof record};
    (void)self, (void)ids;
    memset(&record, 0, sizeof record);
    record.stats.size = sizeof record;
    record.stats.id_length = 2;
    record.stats.id_offset = sizeof record.stats;
    record.stats.present = DROVER_STATS_CPU_NS | DROVER_STATS_RSS | DROVER_STATS_IO;
    record.stats.cpu_ns = 42;
    record.stats.memory_rss = 4096;
    record.stats.io_read_bytes = 7;
    record.stats.io_write_bytes = 8;
    memcpy(record.id, "t1", 2);
    return out.write(out.context, bytes);
}
static int32_t destroy_task(void *self, drover_text id, int32_t force, drover_sink out) {
    char key[128];
    (void)self, (void)out, (void)force;
    keyed(key, sizeof key, "task", id);
    return kv->remove(drover_text_of(key));
}
static int32_t inspect(void *self, drover_text id, drover_sink out) {
    text_buffer keys;
    char answer[700];
    (void)self;
    (void)id;
    kv->list(drover_text_of("task."), into(&keys));
    snprintf(answer, sizeof answer, "{\"id\":\"x\",\"state\":\"running\",\"pid\":%d,\"tasks\":%s}", (int)getpid(), keys.bytes);
    return drover_reply(out, DROVER_OK, answer);
}

// Networks: each is held by a process that outlives this one.
static int network_holder(const char *key) {
    text_buffer value;
    return kv->get(drover_text_of(key), into(&value)) == DROVER_OK ? atoi(value.bytes) : 0;
}
static int hold_network(const char *key) {
    char number[16];
    int ready[2];
    char byte = 0;
    if (pipe(ready) != 0) { return 0; }
    const int pid = fork();
    if (pid == 0) {
        setsid();
        const int made = unshare(CLONE_NEWNET) == 0 && write(ready[1], "!", 1) == 1;
        for (int i = 0; i < 1024; i++) { close(i); }
        alarm(600);
        while (made) { pause(); }
        _exit(1);
    }
    close(ready[1]);
    const int made = pid > 0 && read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    snprintf(number, sizeof number, "%d", pid);
    if (made) { put(key, number); }
    return made ? pid : 0;
}
static void create_network(void *self, drover_text request, drover_call call) {
    const drover_text host = drover_json_inside(drover_json_get(request, "hostname"));
    char key[128], answer[64], name[32];
    (void)self;
    keyed(key, sizeof key, "net", drover_json_inside(drover_json_get(request, "alloc_id")));
    snprintf(name, sizeof name, "%.*s", (int)host.length, (const char *)host.data);
    if (strcmp(name, "garbage") == 0) { drover_complete(call, DROVER_OK, "{\"path\":\"ns/net\"}"); return; }
    if (strcmp(name, "refuse") == 0) { drover_complete(call, DROVER_E_RETRY, "no room today"); return; }
    int pid = network_holder(key);
    if (pid == 0) { pid = hold_network(key); }
    if (pid == 0) { drover_complete(call, DROVER_E_DENIED, "needs root"); return; }
    snprintf(answer, sizeof answer, "{\"path\":\"/proc/%d/ns/net\"}", pid);
    drover_complete(call, DROVER_OK, answer);
}
static void destroy_network(void *self, drover_text id, drover_call call) {
    char key[128];
    (void)self;
    keyed(key, sizeof key, "net", id);
    const int pid = network_holder(key);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        kv->remove(drover_text_of(key));
    }
    drover_complete(call, DROVER_OK, "");
}

static const drover_driver driver = {sizeof(drover_driver), 0, capabilities, fingerprint, start, recover, wait_, stop,
                                     signal_, exec, 0, stats, destroy_task, inspect,
                                     create_network, destroy_network};

static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    const drover_text fault = drover_json_inside(drover_json_get(config, "create"));
    const drover_text probe = drover_json_inside(drover_json_get(config, "probe"));
    char what[32];
    kv = host->get_interface(DROVER_KV_1);
    logger = host->get_interface(DROVER_LOG_1);
    events = host->get_interface(DROVER_EVENT_1);
    times = host->get_interface(DROVER_CLOCK_1);
    dirs = host->get_interface(DROVER_DIRS_1);
    metrics = host->get_interface(DROVER_METRICS_1);
    snprintf(probe_fault, sizeof probe_fault, "%.*s", (int)probe.length, (const char *)probe.data);
    snprintf(what, sizeof what, "%.*s", (int)fault.length, (const char *)fault.data);
    if (strcmp(what, "refuse") == 0) { return drover_reply(error, DROVER_E_INVALID, "\"create\" says refuse"); }
    if (strcmp(what, "refuse at first") == 0 || strcmp(what, "hang at first") == 0) {
        if (first(what)) {
            if (what[0] == 'r') { return drover_reply(error, DROVER_E_RETRY, "not yet"); }
            misbehave("hang");
        }
    }
    misbehave(what);
    *instance = &waiters;
    return DROVER_OK;
}
static const void *get_interface(void *self, const char *id) {
    (void)self;
    return strcmp(id, DROVER_DRIVER_1) == 0 ? &driver : NULL;
}
static void destroy(void *self) { (void)self; }

const drover_plugin *drover_plugin_entry(void) {
    static drover_plugin plugin = {sizeof(drover_plugin), DROVER_ABI_VERSION, DROVER_ABI_MAGIC, {0, 0}, {0, 0},
                                   create, get_interface, destroy};
    plugin.abi_hash = drover_text_of(DROVER_ABI_HASH);
    plugin.manifest = drover_text_of(drover_manifest_json);
#ifdef WRONG_MAGIC
    plugin.magic = 1;
#endif
#ifdef WRONG_SIZE
    plugin.size = 16;
#endif
#ifdef WRONG_MANIFEST
    plugin.manifest = drover_text_of("{}");
#endif
#ifdef NO_CREATE
    plugin.create = 0;
#endif
    return &plugin;
}
