// Drover plug-in ABI: `drover.scheduler/1`, choosing nodes.
//
// The core decides WHAT has to be placed (updates, canaries, reschedules, drains); the scheduler decides WHERE. It gets
// a view of the whole cluster and a batch of problems, both flat blocks (types.h) that may lie in read-only shared
// memory, and writes records. Same blocks, same records: no clock, no randomness but `seed`, no memory between calls
// that changes an answer. The leader checks every placement again; a wrong one costs time, never correctness.
//
// A node is its row, 0 ..< node_count. Columns are arrays with one element a row. Bitmaps are uint64_t words: bit
// r % 64 of word r / 64. "offset" fields count from the start of the block they are in; 0: absent. Strides: elements
// of an array of structs are `size` of its first element apart.
#ifndef DROVER_SCHEDULER_H
#define DROVER_SCHEDULER_H

#include "fit.h"
#include "types.h"

DROVER_BEGIN

#define DROVER_SCHEDULER_1 "drover.scheduler/1"
#define DROVER_NONE 0xffffffffU  // no node, no value
#define DROVER_SCORE_ONE 65536   // scores are integers in units of 1/65,536: compare them exactly

// ---- The cluster --------------------------------------------------------------------------------------------------
#define DROVER_NODE_PRESENT (1U << 0)   // the row is in use; other columns mean nothing without it
#define DROVER_NODE_READY (1U << 1)     // registered, heartbeating, not draining
#define DROVER_NODE_ELIGIBLE (1U << 2)  // the operator allows new work; place only where all three are set

typedef struct drover_cluster_view {
    drover_block head;
    uint64_t generation;        // grows with every change; equal generations, equal contents
    uint64_t parent;            // generation that `dirty` is relative to
    uint32_t node_count;        // rows, unused ones included
    uint32_t dimension_count;   // DROVER_DIMENSIONS as the host knows it; at most DROVER_DIMENSIONS_MAX
    uint64_t capacity[DROVER_DIMENSIONS_MAX];  // offset of int64_t[node_count]: what tasks may use (reserve taken off)
    uint64_t used[DROVER_DIMENSIONS_MAX];      // offset of int64_t[node_count]: asked for by live allocations
    uint64_t flags;             // offset of uint32_t[node_count]: DROVER_NODE_ bits
    uint64_t class_id;          // offset of uint32_t[node_count]: nodes that equal in all constraints share a class
    uint64_t datacenter_id;     // offset of uint32_t[node_count]
    uint64_t pool_id;           // offset of uint32_t[node_count]
    uint64_t node_key;          // offset of uint64_t[node_count]: hash of the node's id; breaks ties, with `seed`
    uint64_t free_ports;        // offset of uint32_t[node_count]: dynamic ports left
    uint64_t dirty;             // offset of uint32_t[dirty_count]: rows changed since `parent`, ascending
    uint32_t dirty_count;       // DROVER_NONE: unknown, all rows may have changed
    uint32_t device_count;
    uint64_t devices;           // offset of drover_device_instance[device_count], sorted by node
    uint64_t core_mhz;          // offset of int64_t[node_count]: DROVER_CPU_MHZ that a whole core takes besides; absent: 0
    uint64_t workload;          // offset of drover_workload[workload_count]: what is asked for here, commonest first
    uint32_t workload_count;    // at most 256
    uint32_t device_group_count;  // numbers in use for `group` of a device instance
} drover_cluster_view;

// One shape of work and how common it is: what a node should still be good for. `shares` is as in drover_device_ask.
typedef struct drover_workload {
    uint32_t size;
    uint32_t weight;            // live instances of this shape
    int64_t ask[DROVER_DIMENSIONS_MAX];
    uint64_t shares;            // offset of uint32_t[device_group_count]; absent: it asks for no device
    uint32_t device_count;      // instances, each with that share
    uint32_t reserved;
} drover_workload;

// One device instance of one node.
typedef struct drover_device_instance {
    uint32_t size;
    uint32_t node;
    uint32_t group;             // number of its vendor/type/model
    uint32_t instance;          // number of the instance in its node
    uint32_t free_milli;        // share left, 0 to 1,000; 0 also when unhealthy
    uint32_t numa;              // NUMA node, DROVER_NONE if unknown
} drover_device_instance;

// ---- The problems -------------------------------------------------------------------------------------------------
#define DROVER_KIND_SERVICE 0
#define DROVER_KIND_BATCH 1
#define DROVER_KIND_SYSTEM 2
#define DROVER_KIND_SYSBATCH 3
#define DROVER_ALGORITHM_BINPACK 0
#define DROVER_ALGORITHM_SPREAD 1
#define DROVER_WANT_SCORES (1U << 0)   // also write drover_score records, at most 64 best a placement
#define DROVER_MAY_PREEMPT (1U << 1)   // `candidates` may be evicted
#define DROVER_WANT_EVERY_SCORE (1U << 2)  // a drover_score for each node that fits, for the first ordinal of a group

typedef struct drover_problem_batch {
    drover_block head;
    uint32_t problem_count;     // 1 to 1,024; solved in order, each seeing the placements of those before it
    uint32_t reserved;
    uint64_t problems;          // offset of drover_problem[problem_count]
} drover_problem_batch;

// Everything one evaluation wants placed.
typedef struct drover_problem {
    uint32_t size;
    uint32_t kind;              // DROVER_KIND_
    uint32_t algorithm;         // DROVER_ALGORITHM_
    uint32_t flags;             // DROVER_WANT_SCORES, DROVER_MAY_PREEMPT
    uint64_t seed;
    int64_t deadline_ns;        // on the clock of drover.clock/1; 0: none. Late answers are thrown away
    uint32_t priority;          // of the job, 1 to 100 (operators may allow more)
    uint32_t group_count;
    uint64_t groups;            // offset of drover_group_ask[group_count]
    uint64_t deltas;            // offset of drover_usage_delta[delta_count], ascending by node, one a node:
    uint32_t delta_count;       // what this plan's own stops and updates add to `used` of the view
    uint32_t candidate_count;
    uint64_t candidates;        // offset of drover_candidate[candidate_count], by node, then priority
    uint64_t device_deltas;     // offset of drover_device_share[device_delta_count]: given back by this plan's own stops
    uint32_t device_delta_count;
    uint32_t reserved;
} drover_problem;

#define DROVER_MODE_COUNT 0      // `count` instances, anywhere feasible
#define DROVER_MODE_EACH_NODE 1  // one instance on every feasible node (system jobs); `count` is ignored

// One task group's wish. Groups of a problem are independent unless they share a gang, a static port or a limit.
typedef struct drover_group_ask {
    uint32_t size;
    uint32_t mode;              // DROVER_MODE_
    uint32_t count;             // instances to place; ordinals 0 ..< count
    uint32_t max_per_node;      // of this job with those in `same_job`; 0: no limit; distinct_hosts is 1
    int64_t ask[DROVER_DIMENSIONS_MAX];  // of one instance
    uint64_t feasible;          // offset of a bitmap: constraints, drivers, volumes, taken static ports all considered
    uint64_t penalty;           // offset of a bitmap: nodes where instances of this group failed; score lower
    uint64_t same_job;          // offset of uint32_t[node_count]: live allocations of this job and group, stops taken
                                //   off; for anti-affinity and max_per_node
    uint64_t affinity;          // offset of int32_t[node_count]: -DROVER_SCORE_ONE to DROVER_SCORE_ONE
    uint64_t spreads;           // offset of drover_spread[spread_count]
    uint64_t limits;            // offset of drover_limit[limit_count]
    uint64_t static_ports;      // offset of uint32_t[static_port_count]: two such instances never share a node
    uint64_t prior_nodes;       // offset of uint32_t[count]: node an ordinal had, preferred if it fits; DROVER_NONE
    uint64_t devices;           // offset of drover_device_ask[device_count]
    uint32_t spread_count;
    uint32_t limit_count;
    uint32_t static_port_count;
    uint32_t dynamic_port_count;
    uint32_t device_count;
    uint32_t gang;              // 0: none. All groups of a problem with the same number: all instances or none
    uint32_t desired_count;     // of the group as a whole, for normalising anti-affinity
    uint32_t prior_movable;     // 1: prior_nodes is a preference only, 0: place there or report a failure
} drover_group_ask;

// Distribute over the values of an attribute.
typedef struct drover_spread {
    uint32_t size;
    uint32_t weight;            // 1 to 100
    uint32_t value_count;
    uint32_t reserved;
    uint64_t node_value;        // offset of uint32_t[node_count]: value of each node, DROVER_NONE: it has none
    uint64_t target;            // offset of int32_t[value_count]: wanted instances, -1: no wish; 0: spread evenly
    uint64_t current;           // offset of uint32_t[value_count]: instances there, stops taken off
} drover_spread;

// At most `max` instances per value of an attribute (distinct_property).
typedef struct drover_limit {
    uint32_t size;
    uint32_t max;
    uint32_t value_count;
    uint32_t id;                // groups that name the same id share the count
    uint64_t node_value;        // offset of uint32_t[node_count]; a node without value (DROVER_NONE) is not feasible
    uint64_t current;           // offset of uint32_t[value_count]
} drover_limit;

// Devices of one kind for each instance, all of one device group. Asks of one group ask are met one after the other.
typedef struct drover_device_ask {
    uint32_t size;
    uint32_t count;             // device instances, each with the share below
    uint64_t shares;            // offset of uint32_t[device_group_count]: share wanted of an instance of that group, 1 to
                                //   1,000 milli; 0: a group that does not satisfy the ask
    uint64_t affinity;          // offset of int32_t[device_group_count]: -DROVER_SCORE_ONE to DROVER_SCORE_ONE
    uint32_t same_numa;         // 1: prefer instances on one NUMA node
    uint32_t reserved;
} drover_device_ask;

typedef struct drover_usage_delta {
    uint32_t size;
    uint32_t node;
    int64_t delta[DROVER_DIMENSIONS_MAX];  // negative: freed
} drover_usage_delta;

// An allocation that may be preempted.
typedef struct drover_candidate {
    uint32_t size;
    uint32_t node;
    uint32_t priority;          // lower than the problem's by 10 at least
    uint32_t job;               // number of its job and group: evicting many of one costs more
    uint64_t allocation;        // the host's number, echoed in drover_preemption
    int64_t resources[DROVER_DIMENSIONS_MAX];
    uint64_t devices;           // offset of drover_device_share[device_count]
    uint32_t device_count;
    uint32_t static_port_count;
    uint64_t static_ports;      // offset of uint32_t[static_port_count]
} drover_candidate;

// Part of a device instance that an allocation holds.
typedef struct drover_device_share {
    uint32_t index;             // row of `devices`
    uint32_t share_milli;
} drover_device_share;

// ---- The answer ---------------------------------------------------------------------------------------------------
// Records begin with kind and size (a multiple of 8); `problem` and `group` are indexes. Every ordinal asked for gets a
// placement or is counted in a failure of its group.
#define DROVER_RECORD_PLACEMENT 1
#define DROVER_RECORD_FAILURE 2
#define DROVER_RECORD_PREEMPTION 3
#define DROVER_RECORD_ASSIGNMENT 4
#define DROVER_RECORD_SCORE 5

typedef struct drover_placement {
    uint32_t kind;              // DROVER_RECORD_PLACEMENT
    uint32_t size;
    uint32_t problem;
    uint32_t group;
    uint32_t ordinal;           // with DROVER_MODE_EACH_NODE: 0, 1, ... in the order written
    uint32_t node;
    int32_t score;              // final, in 1/DROVER_SCORE_ONE
    uint32_t reserved;
} drover_placement;

typedef struct drover_failure {
    uint32_t kind;              // DROVER_RECORD_FAILURE
    uint32_t size;
    uint32_t problem;
    uint32_t group;
    uint32_t count;             // instances not placed
    uint32_t nodes_evaluated;   // present, ready, eligible
    uint32_t nodes_filtered;    // of these: not feasible, at a limit, or with a clashing port
    uint32_t nodes_exhausted;   // of these: feasible but short of a dimension
    uint32_t exhausted[DROVER_DIMENSIONS_MAX];  // of these, by the first dimension short
    uint32_t exhausted_ports;
    uint32_t exhausted_devices;
} drover_failure;

// Evict `allocation` for the placement of (problem, group, ordinal), which is written too.
typedef struct drover_preemption {
    uint32_t kind;              // DROVER_RECORD_PREEMPTION
    uint32_t size;
    uint32_t problem;
    uint32_t group;
    uint32_t ordinal;
    uint32_t node;
    uint64_t allocation;
} drover_preemption;

#define DROVER_ASSIGN_DEVICE 0
#define DROVER_ASSIGN_CORE 1
// A device instance or a core chosen for a placement; without records the host chooses.
typedef struct drover_assignment {
    uint32_t kind;              // DROVER_RECORD_ASSIGNMENT
    uint32_t size;
    uint32_t problem;
    uint32_t group;
    uint32_t ordinal;
    uint32_t what;              // DROVER_ASSIGN_
    uint32_t index;             // row of `devices`, or core number
    uint32_t share_milli;
} drover_assignment;

// How one node scored for one ordinal; parts that were not considered are 0.
typedef struct drover_score {
    uint32_t kind;              // DROVER_RECORD_SCORE
    uint32_t size;
    uint32_t problem;
    uint32_t group;
    uint32_t ordinal;
    uint32_t node;
    int32_t final_score;
    int32_t fit_score;          // binpack or spread over resources
    int32_t anti_affinity;
    int32_t penalty;
    int32_t affinity;
    int32_t spread;
    int32_t device_affinity;    // mean affinity of the devices an instance would get there
    int32_t reserved;
} drover_score;

typedef struct drover_scheduler {
    uint32_t size;
    uint32_t reserved;
    // Write {"name": text, "kinds": ["service", "batch", "system", "sysbatch"] it can place}. [quick]  since draft 1
    int32_t (*DROVER_NULLABLE describe)(void *self, drover_sink out);
    // Place `batch` (drover_problem_batch) on `view` (drover_cluster_view), writing records to `out` in whole records
    // but any number at a time. The host has checked that all offsets lie inside the blocks. Blocks are read-only and
    // borrowed. What was written before an error is thrown away.
    // Errors: DROVER_E_INVALID (a problem it cannot express), DROVER_E_UNSUPPORTED (a kind it does not place),
    // DROVER_E_DEADLINE. After any of them, and after an infeasible placement, the stock scheduler takes over.
    // [any; the manifest's "threading": "serial" makes it one at a time]  since draft 1
    int32_t (*DROVER_NULLABLE place)(void *self, const void *view, const void *batch, drover_sink out);
} drover_scheduler;

#define DROVER_SCHEDULER_1_SIGNATURES                                                                                  \
    "describe: self sink -> i32\n"                                                                                     \
    "place: self block block sink -> i32\n"

DROVER_END

#endif
