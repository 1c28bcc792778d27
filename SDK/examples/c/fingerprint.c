// A fingerprinter: tells the machine's rack, for jobs that say  constraint { attribute = "${attr.site.rack}" ... }.
// The rack's name is what a file begins with; the operator may name it:  plugin "rack" { config { file = "..." } }.
// cc -std=c99 -shared -fPIC -I ../../Sources/CDroverABI/include -o libdrover-fingerprint-rack.so fingerprint.c
#include <drover/drover.h>
#include <stdio.h>
#include <stdlib.h>

DROVER_MANIFEST("rack", "1.0.0", "[\"drover.fingerprint/1\"]",
                ",\"config_schema\":{\"file\":{\"type\":\"string\",\"default\":\"/etc/rack\"}}");

typedef struct rack { char file[1024]; } rack;

static int32_t probe(void *self, drover_text known, drover_sink out) {
    char name[128], answer[256];
    FILE *file = fopen(((rack *)self)->file, "r");
    (void)known;
    // A machine without the file has no rack: that is an answer, not an error. Look again in a minute.
    if (!file) { return drover_reply(out, DROVER_OK, "{\"period_ns\":60000000000}"); }
    if (fscanf(file, "%127[A-Za-z0-9_.-]", name) != 1) {
        fclose(file);
        return drover_reply(out, DROVER_E_INVALID, "the rack file must begin with a name of letters, digits, _ . -");
    }
    fclose(file);
    sprintf(answer, "{\"attributes\":{\"site.rack\":\"%s\"},\"period_ns\":60000000000}", name);
    return drover_reply(out, DROVER_OK, answer);
}
static const drover_fingerprint fingerprint = {sizeof(drover_fingerprint), 0, probe};

static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    const drover_text file = drover_json_inside(drover_json_get(config, "file"));
    rack *self = calloc(1, sizeof(rack));
    (void)host;
    if (!self) { return drover_reply(error, DROVER_E_RETRY, "out of memory"); }
    strcpy(self->file, "/etc/rack");
    if (file.length >= sizeof(self->file)) {
        free(self);
        return drover_reply(error, DROVER_E_INVALID, "\"file\" is longer than 1,023 bytes");
    }
    if (file.length > 0) {
        memset(self->file, 0, sizeof(self->file));
        memcpy(self->file, file.data, (size_t)file.length);
    }
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
