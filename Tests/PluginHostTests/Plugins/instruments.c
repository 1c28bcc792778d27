// A fingerprinter, a device provider and scorers for tests: the config says how the operations misbehave, and each scorer
// is named for what it does.
#include <drover/drover.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

DROVER_MANIFEST("instruments", "0.1.0", "[\"drover.fingerprint/1\",\"drover.device/1\",\"drover.scorer/1\"]",
                ",\"config_schema\":{\"fault\":{\"type\":\"string\",\"default\":\"\"}}");

static const drover_kv *kv;
static const drover_metrics *metrics;
static char fault[512];

static int is(const char *name) { return strcmp(fault, name) == 0; }
static int32_t drop(void *context, drover_bytes bytes) { return (void)context, (void)bytes, DROVER_OK; }
static void crash(void) { *(volatile int *)8 = 1; }
static void hang(void) {
    metrics->add(drover_text_of("hangs"), 1, drover_text_of("{}"));  // tells the test that it is under way
    for (;;) { pause(); }
}

// Crashes and hangs once ever, so that the next instance works; other faults are in every answer.
static int32_t answer(drover_sink out, const char *text) {
    const drover_sink nowhere = {NULL, drop};
    if ((is("segv") || is("abort") || is("exit") || is("hang")) && kv->get(drover_text_of("once"), nowhere) != DROVER_OK) {
        kv->put(drover_text_of("once"), drover_text_of("1"));
        if (is("segv")) { crash(); }
        if (is("abort")) { fprintf(stderr, "the end is near\n"); abort(); }
        if (is("exit")) { _exit(9); }
        hang();
    }
    // In the agent there is no next instance.
    if (is("always hang")) { hang(); }
    if (is("positive")) { return drover_reply(out, 7, "seven"); }
    if (is("refuse")) { return drover_reply(out, DROVER_E_RETRY, "not today"); }
    if (is("flood")) {
        static const char bytes[4096];
        const drover_bytes page = {(const uint8_t *)bytes, sizeof bytes};
        int32_t code = DROVER_OK;
        while (code == DROVER_OK) { code = out.write(out.context, page); }
        return code;
    }
    // Anything that is no word is the answer itself.
    if (fault[0] == '{' || fault[0] == '[' || fault[0] == '!') { text = fault; }
    return drover_reply(out, DROVER_OK, text);
}
static int32_t look(void *self, drover_text known, drover_sink out) {
    (void)self, (void)known;
    return answer(out, "{\"attributes\":{\"site.rack\":\"r7\"},\"resources\":{\"cpu_mhz\":2000}}");
}
static int32_t devices(void *self, drover_sink out) {
    (void)self;
    return answer(out, "{\"groups\":[{\"vendor\":\"acme\",\"type\":\"gpu\",\"model\":\"a1\",\"instances\":[{\"id\":\"g0\"}]}]}");
}
static int32_t reserve(void *self, drover_text request, drover_sink out) {
    (void)self, (void)request;
    return answer(out, "{\"env\":{\"GPU\":\"g0\"}}");
}
static int32_t stats(void *self, drover_sink out) {
    (void)self;
    return answer(out, "{\"groups\":[]}");
}
static const drover_fingerprint fingerprint = {sizeof(drover_fingerprint), 0, look};
static const drover_device device = {sizeof(drover_device), 0, devices, reserve, stats};

static double sound(double cpu_after) { return 2.0 * cpu_after; }
static double segv(double cpu_after) { return crash(), cpu_after; }
static double aborts(double cpu_after) { return abort(), cpu_after; }
static double hangs(double cpu_after) { return hang(), cpu_after; }
static double numberless(double cpu_after) { return cpu_after > 0 ? (double)NAN : (double)INFINITY; }
static const drover_scorer_entry entries[] = {
    {sizeof(drover_scorer_entry), 0, "sound", "f64 cpu_after -> f64", (drover_function)sound},
    {sizeof(drover_scorer_entry), 0, "segv", "f64 cpu_after -> f64", (drover_function)segv},
    {sizeof(drover_scorer_entry), 0, "abort", "f64 cpu_after -> f64", (drover_function)aborts},
    {sizeof(drover_scorer_entry), 0, "hang", "f64 cpu_after -> f64", (drover_function)hangs},
    {sizeof(drover_scorer_entry), 0, "numberless", "f64 cpu_after -> f64", (drover_function)numberless},
};
static const drover_scorer scorer = {sizeof(drover_scorer), sizeof entries / sizeof entries[0], entries};

static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    const drover_text text = drover_json_inside(drover_json_get(config, "fault"));
    size_t read = 0, written = 0;
    (void)error;
    kv = host->get_interface(DROVER_KV_1);
    metrics = host->get_interface(DROVER_METRICS_1);
    // JSON in JSON: the quotes inside are escaped.
    for (; read < text.length && written + 1 < sizeof fault; read++) {
        if (((const char *)text.data)[read] != '\\') { fault[written++] = ((const char *)text.data)[read]; }
    }
    fault[written] = 0;
    *instance = (void *)&device;
    return DROVER_OK;
}
static const void *get_interface(void *self, const char *id) {
    (void)self;
    if (strcmp(id, DROVER_FINGERPRINT_1) == 0) { return &fingerprint; }
    if (strcmp(id, DROVER_DEVICE_1) == 0) { return &device; }
    return strcmp(id, DROVER_SCORER_1) == 0 ? &scorer : NULL;
}
static void destroy(void *self) { (void)self; }

const drover_plugin *drover_plugin_entry(void) {
    static drover_plugin plugin = {sizeof(drover_plugin), DROVER_ABI_VERSION, DROVER_ABI_MAGIC, {0, 0}, {0, 0},
                                   create, get_interface, destroy};
    plugin.abi_hash = drover_text_of(DROVER_ABI_HASH);
    plugin.manifest = drover_text_of(drover_manifest_json);
    return &plugin;
}
