// A device provider: a job that says  device "acme/board" {}  gets one device file of the machine.
// plugin "board" { config { file = "/dev/ttyUSB0"  seen_as = "/dev/board" } }  says which; without "file" there is none.
// cc -std=c99 -shared -fPIC -I ../../Sources/CDroverABI/include -o libdrover-device-board.so device.c
#include <drover/drover.h>
#include <stdio.h>
#include <stdlib.h>

DROVER_MANIFEST("board", "1.0.0", "[\"drover.device/1\"]",
                ",\"config_schema\":{\"file\":{\"type\":\"string\"},"
                "\"seen_as\":{\"type\":\"string\",\"default\":\"/dev/board\"}}");

typedef struct board { char file[512], seen_as[512]; } board;

static int is_there(const board *self) {
    FILE *file = fopen(self->file, "r");
    if (file) { fclose(file); }
    return file != NULL;
}
// One group with one instance: its id must stay the same over restarts. A file that is gone makes it ill, and the tasks
// that have it fail. Look again every ten seconds.
static int32_t probe(void *instance, drover_sink out) {
    const board *self = instance;
    char answer[512];
    if (!self->file[0]) { return drover_reply(out, DROVER_OK, "{\"groups\":[]}"); }
    sprintf(answer,
            "{\"groups\":[{\"vendor\":\"acme\",\"type\":\"board\",\"model\":\"one\",\"attributes\":{\"pins\":40},"
            "\"instances\":[{\"id\":\"board-0\",\"healthy\":%s,\"health_message\":\"%s\"}]}],"
            "\"period_ns\":10000000000}",
            is_there(self) ? "true" : "false", is_there(self) ? "" : "its device file is gone");
    return drover_reply(out, DROVER_OK, answer);
}
// How a task uses it: a variable, and a file that drivers with a root of their own make in it.
static int32_t reserve(void *instance, drover_text request, drover_sink out) {
    const board *self = instance;
    char answer[2048];
    (void)request;
    if (!is_there(self)) { return drover_reply(out, DROVER_E_RETRY, "the board's device file is gone"); }
    sprintf(answer,
            "{\"env\":{\"BOARD\":\"%s\"},"
            "\"devices\":[{\"host_path\":\"%s\",\"task_path\":\"%s\",\"permissions\":\"rw\"}]}",
            self->seen_as, self->file, self->seen_as);
    return drover_reply(out, DROVER_OK, answer);
}
static int32_t stats(void *instance, drover_sink out) {
    (void)instance;
    return drover_reply(out, DROVER_OK,
                        "{\"groups\":[{\"vendor\":\"acme\",\"type\":\"board\",\"model\":\"one\",\"instances\":{"
                        "\"board-0\":{\"summary\":{\"value\":12,\"unit\":\"mW\"},\"stats\":{}}}}]}");
}
static const drover_device device = {sizeof(drover_device), 0, probe, reserve, stats};

// Copies a path, which goes into JSON text as it is: 0 when it is too long or has characters that would need escapes.
static int copy_path(char *to, size_t size, drover_text from) {
    uint64_t at;
    if (from.length >= size) { return 0; }
    for (at = 0; at < from.length; at++) {
        if (from.data[at] < 0x20 || from.data[at] == '\\' || from.data[at] == '"') { return 0; }
        to[at] = (char)from.data[at];
    }
    return 1;
}
static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    board *self = calloc(1, sizeof(board));
    const drover_text seen_as = drover_json_inside(drover_json_get(config, "seen_as"));
    (void)host;
    if (!self) { return drover_reply(error, DROVER_E_RETRY, "out of memory"); }
    if (!copy_path(self->file, sizeof(self->file), drover_json_inside(drover_json_get(config, "file"))) ||
        !copy_path(self->seen_as, sizeof(self->seen_as), seen_as.length ? seen_as : drover_text_of("/dev/board"))) {
        free(self);
        return drover_reply(error, DROVER_E_INVALID, "\"file\" and \"seen_as\" must be plain paths under 512 bytes");
    }
    *instance = self;
    return DROVER_OK;
}
static const void *get_interface(void *self, const char *id) {
    (void)self;
    return strcmp(id, DROVER_DEVICE_1) == 0 ? &device : NULL;
}

const drover_plugin *drover_plugin_entry(void) {
    static drover_plugin plugin = {sizeof(drover_plugin), DROVER_ABI_VERSION, DROVER_ABI_MAGIC, {0, 0}, {0, 0},
                                   create, get_interface, free};
    plugin.abi_hash = drover_text_of(DROVER_ABI_HASH);
    plugin.manifest = drover_text_of(drover_manifest_json);
    return &plugin;
}
