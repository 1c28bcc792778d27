// Two strategies for the stock scheduler `scored`: a scorer is a function and a line that names its parameters.
// cc -std=c99 -shared -fPIC -I ../../Sources/CDroverABI/include -o libdrover-scorer-examples.so scorer.c
#include <drover/drover.h>

DROVER_MANIFEST("examples", "1.0.0", "[\"drover.scorer/1\"]", "");

// Fill nodes up evenly in CPU and memory, and keep instances of one job apart. Called once a node.
static double packed(double cpu_after, double memory_after, int64_t same_job) {
    const double skew = cpu_after > memory_after ? cpu_after - memory_after : memory_after - cpu_after;
    return cpu_after + memory_after - skew - 2.0 * (double)same_job;
}

// The emptiest node first. Called once for all nodes: the compiler can use vector instructions.
static void emptiest(uint64_t count, const double *cpu_after, const double *memory_after, double *result) {
    uint64_t node;
    for (node = 0; node < count; node++) { result[node] = 2.0 - cpu_after[node] - memory_after[node]; }
}

static const drover_scorer_entry scorers[] = {
    {sizeof(drover_scorer_entry), 0, "packed", "f64 cpu_after, f64 memory_after, i64 same_job -> f64",
     (drover_function)packed},
    {sizeof(drover_scorer_entry), 0, "emptiest", "u64 count, f64* cpu_after, f64* memory_after, f64* result -> void",
     (drover_function)emptiest},
};
static const drover_scorer table = {sizeof(drover_scorer), 2, scorers};

static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    (void)host, (void)config, (void)error;
    *instance = (void *)scorers;  // nothing to keep
    return DROVER_OK;
}
static const void *get_interface(void *self, const char *id) {
    (void)self;
    return strcmp(id, DROVER_SCORER_1) == 0 ? &table : NULL;
}
static void destroy(void *self) { (void)self; }

const drover_plugin *drover_plugin_entry(void) {
    static drover_plugin plugin = {sizeof(drover_plugin), DROVER_ABI_VERSION, DROVER_ABI_MAGIC, {0, 0}, {0, 0},
                                   create, get_interface, destroy};
    plugin.abi_hash = drover_text_of(DROVER_ABI_HASH);
    plugin.manifest = drover_text_of(drover_manifest_json);
    return &plugin;
}
