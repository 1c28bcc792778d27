// A scheduler for tests: the problem's seed says what it does, or FAULT if that is defined.
#include <drover/drover.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

DROVER_MANIFEST("wayward", "0.1.0", "[\"drover.scheduler/1\"]", ",\"threading\":\"serial\"");

#ifdef FAULT
#define CONDUCT(problem) FAULT
#else
#define CONDUCT(problem) (problem)->seed
#endif

static const drover_clock *times;

// Takes all the time it has but a tenth, and says in milliseconds how much that was.
static int32_t dawdle(const drover_problem *problem) {
    const struct timespec pause = {0, 1000000};
    const int64_t begin = times->monotonic_ns(), limit = problem->deadline_ns - begin;
    while (times->monotonic_ns() - begin < limit / 10 * 9) { nanosleep(&pause, NULL); }
    return (int32_t)(limit / 1000000);
}

static int32_t describe(void *self, drover_sink out) {
    (void)self;
    return drover_reply(out, DROVER_OK, "{\"name\":\"wayward\",\"kinds\":[\"service\"]}");
}
static int32_t place(void *self, const void *view_block, const void *batch_block, drover_sink out) {
    const drover_cluster_view *view = view_block;
    const drover_problem_batch *batch = batch_block;
    const drover_problem *problem = drover_at(batch, batch->problems);
    drover_placement placement = {DROVER_RECORD_PLACEMENT, sizeof placement, 0, 0, 0, 0, 0, 0};
    const drover_bytes bytes = {(const uint8_t *)&placement, sizeof placement};
    (void)self;
    switch (CONDUCT(problem)) {
    case 1: placement.node = view->node_count - 1; placement.score = (int32_t)view->generation; break;
    case 2: *(volatile int *)8 = 1; break;
    case 3: for (;;) { pause(); }
    case 4: return drover_reply(out, DROVER_OK, "complete nonsense, and long enough");
    case 5: abort();
    case 6: placement.node = view->node_count; break;
    case 7: return drover_reply(out, DROVER_E_UNSUPPORTED, "not today");
    case 8: *(uint64_t *)&((drover_cluster_view *)view_block)->generation = 0; break;  // the view is read-only
    case 9: placement.group = 3; break;
    case 10: placement.score = dawdle(problem); break;
    }
    return out.write(out.context, bytes);
}
static const drover_scheduler scheduler = {sizeof(drover_scheduler), 0, describe, place};

static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    (void)config, (void)error;
    times = host->get_interface(DROVER_CLOCK_1);
    *instance = (void *)&scheduler;
    return DROVER_OK;
}
static const void *get_interface(void *self, const char *id) {
    (void)self;
    return strcmp(id, DROVER_SCHEDULER_1) == 0 ? &scheduler : NULL;
}
static void destroy(void *self) { (void)self; }

const drover_plugin *drover_plugin_entry(void) {
    static drover_plugin plugin = {sizeof(drover_plugin), DROVER_ABI_VERSION, DROVER_ABI_MAGIC, {0, 0}, {0, 0},
                                   create, get_interface, destroy};
    plugin.abi_hash = drover_text_of(DROVER_ABI_HASH);
    plugin.manifest = drover_text_of(drover_manifest_json);
    return &plugin;
}
