// Drover plug-in ABI: `drover.scorer/1`, a strategy that is no more than a function, and `drover.scorers/1`, through
// which a scheduler plug-in such as the stock `scored` uses the scorers an operator has installed.
//
//   static double score(double cpu_after, double memory_after, int64_t same_job) { ... }
//   { sizeof(drover_scorer_entry), 0, "packed",
//     "f64 cpu_after, f64 memory_after, i64 same_job -> f64", (drover_function)score }
//
// The host reads the line, binds each parameter to a column of the view by name and calls the function for every
// feasible node; the node with the highest result wins, ties go by node key and seed. Results are clipped to -100 ...
// 100 and compared in 1/65,536; NaN means "not this node".
#ifndef DROVER_SCORER_H
#define DROVER_SCORER_H

#include "types.h"

DROVER_BEGIN

#define DROVER_SCORER_1 "drover.scorer/1"

// Parameters a scorer may name, f64 or i64 as given here; R is cpu, memory, disk or network (MHz, MiB, MiB, Mbit):
//   f64 R_after R_before   share of the node's capacity in use with and without this instance, 0 empty to 1 full
//   f64 R_free R_ask R_capacity   left after placing, asked for, the node's own;   i64 cores_free   left after placing
//   f64 binpack      the stock fit score, 0 to 1;          f64 affinity   from the job, -1 to 1
//   f64 spread       from the job's spread blocks, -1 to 1;  f64 random   0 to 1, from seed and node: replays equal
//   i64 same_job     instances of this job and group here;   i64 penalty  1: an instance of the group failed here
//   i64 prior        1: the ordinal was here before;         i64 class datacenter pool   numbers of the view
// An unknown name or type is refused when the library is loaded, with the allowed ones.
//
// A BATCHED scorer is called once for all nodes: its line names pointers, and begins with the number of rows and ends
// with the result: "u64 count, f64* cpu_after, f64* memory_after, f64* result -> void"; columns are read-only but the
// last. Vectorises, and costs no call per node.
typedef void (*drover_function)(void);

typedef struct drover_scorer_entry {
    uint32_t size;
    uint32_t reserved;
    const char *DROVER_NULLABLE name;       // NUL-terminated, unique in the library, [a-z0-9_-], at most 64 bytes
    const char *DROVER_NULLABLE signature;  // NUL-terminated, as above; at most 16 parameters
    // Pure: no state, no I/O, the same result for the same arguments; must return within microseconds a row. [any]
    // since draft 1
    drover_function DROVER_NULLABLE function;
} drover_scorer_entry;

// Unlike other interfaces this table holds data, not functions, and is never marshalled: the library is loaded where
// scores are computed. get_interface may be called with a null instance for it.
typedef struct drover_scorer {
    uint32_t size;
    uint32_t count;                                        // 1 to 64
    const drover_scorer_entry *DROVER_NULLABLE scorers;    // [count], static
} drover_scorer;

// ---- Host side: for schedulers that use scorers ---------------------------------------------------------------------
#define DROVER_SCORERS_1 "drover.scorers/1"

// Input of `score`: for each parameter, in the order of the scorer's line (without count and result), a column.
typedef struct drover_score_columns {
    drover_block head;
    uint32_t row_count;
    uint32_t column_count;    // at most 16
    uint64_t columns[16];     // offset of double[row_count] or int64_t[row_count]
} drover_score_columns;

typedef struct drover_scorers {
    uint32_t size;
    uint32_t reserved;
    // Write [{"name": "library/scorer" (or "scorer" when unique), "batched": bool, "parameters": [{"name", "type":
    // "f64"|"i64"}]}]. Changes only when an operator installs or removes a library. [quick]  since draft 1
    int32_t (*DROVER_NULLABLE list)(drover_sink out);
    // Run `name` over the rows of `columns` (drover_score_columns) and write double[row_count], unclipped, in one
    // write. Errors: DROVER_E_NOT_FOUND (scorer), DROVER_E_INVALID (number of columns), DROVER_E_INTERNAL (it crashed,
    // when isolated). [any]  since draft 1
    int32_t (*DROVER_NULLABLE score)(drover_text name, const void *columns, drover_sink out);
} drover_scorers;

#define DROVER_SCORERS_1_SIGNATURES                                                                                    \
    "list: sink -> i32\n"                                                                                              \
    "score: text block sink -> i32\n"

DROVER_END

#endif
