// A whole driver: a task with  driver = "shell"  and  config { script = "echo hello" }  runs  /bin/sh -c SCRIPT.
// cc -std=c99 -shared -fPIC -I ../../Sources/CDroverABI/include -o libdrover-driver-shell.so driver.c
#include <drover/drover.h>
#include <stdio.h>
#include <stdlib.h>

DROVER_MANIFEST("shell", "1.0.0", "[\"drover.driver/1\"]",
                ",\"task_schema\":{\"script\":{\"type\":\"string\",\"required\":true}}");

typedef struct shell { const drover_executor *executor; } shell;
#define EXECUTOR(self) (((shell *)(self))->executor)

static int32_t capabilities(void *self, drover_sink out) {
    (void)self;
    return drover_reply(out, DROVER_OK, "{\"send_signals\":true,\"exec\":true}");
}
static int32_t fingerprint(void *self, drover_sink out) {
    (void)self;
    return drover_reply(out, DROVER_OK, "{\"health\":\"healthy\",\"attributes\":{\"driver.shell\":\"1\"}}");
}
// The only function with work to do: says what to launch. The script stays JSON text, so its escapes stay right.
static void start(void *self, drover_text task, drover_call call) {
    const drover_text script = drover_json_get(drover_json_get(task, "config"), "script");
    char *spec = malloc((size_t)script.length + 64);
    if (!spec) { drover_complete(call, DROVER_E_RETRY, "out of memory"); return; }
    sprintf(spec, "{\"argv\":[\"/bin/sh\",\"-c\",%.*s]}", (int)script.length, (const char *)script.data);
    EXECUTOR(self)->launch(task, drover_text_of(spec), call);
    free(spec);
}
// The executor keeps the tasks, so all the rest is handed on.
static void recover(void *self, drover_text task, drover_text handle, drover_call call) {
    EXECUTOR(self)->recover(task, handle, call);
}
static void wait_(void *self, drover_text id, drover_call call) { EXECUTOR(self)->wait(id, call); }
static void stop(void *self, drover_text id, drover_text signal, int64_t timeout_ns, drover_call call) {
    EXECUTOR(self)->stop(id, signal, timeout_ns, call);
}
static int32_t signal_(void *self, drover_text id, drover_text signal, drover_sink out) {
    return EXECUTOR(self)->signal(id, signal, out);
}
static void exec(void *self, drover_text id, drover_text exec_id, drover_text request, int32_t in, int32_t out,
                 int32_t err, drover_call call) {
    EXECUTOR(self)->exec(id, exec_id, request, in, out, err, call);
}
static int32_t resize(void *self, drover_text exec_id, int32_t rows, int32_t columns, drover_sink out) {
    return EXECUTOR(self)->resize(exec_id, rows, columns, out);
}
static int32_t stats(void *self, drover_text ids, drover_sink out) { return EXECUTOR(self)->stats(ids, out); }
static int32_t destroy_task(void *self, drover_text id, int32_t force, drover_sink out) {
    return EXECUTOR(self)->destroy(id, force, out);
}
static int32_t inspect(void *self, drover_text id, drover_sink out) { return EXECUTOR(self)->inspect(id, out); }

static const drover_driver driver = {sizeof(drover_driver), 0, capabilities, fingerprint, start, recover, wait_, stop,
                                     signal_, exec, resize, stats, destroy_task, inspect,
                                     NULL, NULL}; // the host makes the networks of its tasks

static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    shell *self = malloc(sizeof(shell));
    (void)config;
    if (!self) { return drover_reply(error, DROVER_E_RETRY, "out of memory"); }
    self->executor = host->get_interface(DROVER_EXECUTOR_1);
    if (!self->executor) {
        free(self);
        return drover_reply(error, DROVER_E_UNSUPPORTED, "this host does not offer " DROVER_EXECUTOR_1);
    }
    *instance = self;
    return DROVER_OK;
}
static const void *get_interface(void *self, const char *id) {
    (void)self;
    return strcmp(id, DROVER_DRIVER_1) == 0 ? &driver : NULL;
}

const drover_plugin *drover_plugin_entry(void) {
    static drover_plugin plugin = {sizeof(drover_plugin), DROVER_ABI_VERSION, DROVER_ABI_MAGIC, {0, 0}, {0, 0},
                                   create, get_interface, free};
    plugin.abi_hash = drover_text_of(DROVER_ABI_HASH);
    plugin.manifest = drover_text_of(drover_manifest_json);
    return &plugin;
}
