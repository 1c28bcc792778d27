// A scheduler: every instance goes to the feasible node with the most memory left. It knows no drover_limit: problems with
// one (distinct_property, distinct_hosts over several groups) it leaves to the stock scheduler.
// cc -std=c99 -shared -fPIC -I ../../Sources/CDroverABI/include -o libdrover-scheduler-roomiest.so scheduler.c
#include <drover/drover.h>
#include <stdlib.h>

DROVER_MANIFEST("roomiest", "1.0.0", "[\"drover.scheduler/1\"]", "");

#define USABLE (DROVER_NODE_PRESENT | DROVER_NODE_READY | DROVER_NODE_ELIGIBLE)
#define D DROVER_DIMENSIONS_MAX
typedef struct node { int64_t capacity[D], used[D]; uint32_t mine; } node;  // mine: instances of this group here

static int32_t describe(void *self, drover_sink out) {
    (void)self;
    return drover_reply(out, DROVER_OK, "{\"name\":\"roomiest\",\"kinds\":[\"service\",\"batch\"]}");
}

static int32_t put(drover_sink out, const void *record, uint32_t size) {
    drover_bytes bytes;
    bytes.data = record;
    bytes.length = size;
    return out.write(out.context, bytes);
}

// The node for one more instance of `ask`, or DROVER_NONE; counts into `failure` why the others were not taken.
static uint32_t choose(const drover_cluster_view *view, const uint64_t *feasible, const drover_group_ask *ask,
                       const node *nodes, drover_failure *failure) {
    const uint32_t *flags = drover_at(view, view->flags);
    uint32_t row, best = DROVER_NONE;
    for (row = 0; row < view->node_count; row++) {
        int32_t dimension;
        if ((flags[row] & USABLE) != USABLE) { continue; }
        failure->nodes_evaluated++;
        if (!drover_bit(feasible, row) || (ask->max_per_node && nodes[row].mine >= ask->max_per_node) ||
            (ask->static_port_count && nodes[row].mine)) { failure->nodes_filtered++; continue; }
        dimension = drover_fit(nodes[row].capacity, nodes[row].used, ask->ask, DROVER_DIMENSIONS);
        if (dimension != DROVER_FITS) { failure->nodes_exhausted++; failure->exhausted[dimension]++; continue; }
#define ROOM(r) (nodes[r].capacity[DROVER_MEMORY_MIB] - nodes[r].used[DROVER_MEMORY_MIB])
        if (best == DROVER_NONE || ROOM(row) > ROOM(best)) { best = row; }
    }
    return best;
}

static int32_t place(void *self, const void *view_block, const void *batch_block, drover_sink out) {
    const drover_cluster_view *view = view_block;
    const drover_problem_batch *batch = batch_block;
    node *nodes = calloc(view->node_count + 1, sizeof(node));
    uint32_t row, d, p, g, ordinal;
    int32_t code = DROVER_OK;
    (void)self;
    if (!nodes) { return drover_reply(out, DROVER_E_RETRY, "out of memory"); }
    for (d = 0; d < view->dimension_count; d++) {
        const int64_t *capacity = drover_at(view, view->capacity[d]), *used = drover_at(view, view->used[d]);
        for (row = 0; row < view->node_count; row++) {
            nodes[row].capacity[d] = capacity ? capacity[row] : DROVER_UNLIMITED;
            nodes[row].used[d] = used ? used[row] : 0;
        }
    }
    for (p = 0; p < batch->problem_count; p++) {
        const drover_problem *first = drover_at(batch, batch->problems);
        const drover_problem *problem = (const void *)((const char *)first + (size_t)first->size * p);
        const drover_usage_delta *delta = drover_at(batch, problem->deltas);
        if (problem->kind > DROVER_KIND_BATCH) { code = DROVER_E_UNSUPPORTED; }
        for (d = 0; d < problem->delta_count * (uint32_t)D; d++) {
            nodes[delta[d / D].node].used[d % D] += delta[d / D].delta[d % D];
        }
        for (g = 0; g < problem->group_count && code == DROVER_OK; g++) {
            const drover_group_ask *groups = drover_at(batch, problem->groups);
            const drover_group_ask *ask = (const void *)((const char *)groups + (size_t)groups->size * g);
            const uint32_t *same_job = drover_at(batch, ask->same_job);
            if (ask->limit_count) { code = DROVER_E_UNSUPPORTED; break; }
            for (row = 0; row < view->node_count; row++) { nodes[row].mine = same_job ? same_job[row] : 0; }
            for (ordinal = 0; ordinal < ask->count && code == DROVER_OK; ordinal++) {
                drover_placement placement = {DROVER_RECORD_PLACEMENT, sizeof placement, p, g, ordinal, 0, 0, 0};
                drover_failure failure = {DROVER_RECORD_FAILURE, sizeof failure, p, g, 0, 0, 0, 0, {0}, 0, 0};
                placement.node = choose(view, drover_at(batch, ask->feasible), ask, nodes, &failure);
                failure.count = ask->count - ordinal;
                if (placement.node == DROVER_NONE) { code = put(out, &failure, sizeof failure); break; }
                for (d = 0; d < D; d++) { nodes[placement.node].used[d] += ask->ask[d]; }
                nodes[placement.node].mine++;
                code = put(out, &placement, sizeof placement);
            }
        }
    }
    free(nodes);
    return code;
}

static const drover_scheduler scheduler = {sizeof(drover_scheduler), 0, describe, place};

static int32_t create(const drover_host *host, drover_text config, drover_sink error, void **instance) {
    (void)host, (void)config, (void)error;
    *instance = (void *)&scheduler;  // nothing to keep
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
