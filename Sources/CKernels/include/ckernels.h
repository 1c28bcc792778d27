// Vector kernels of the schedulers: the same bits from every processor and every clone, so that one seed gives one plan
// on every machine. Hence: no fused multiply-add, no fast-math, scores as integers (SWIFT.md §6).
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdint.h>

#define CK_DIMENSIONS_MAX 8
#define CK_UNFIT INT32_MIN  // score of a node that cannot hold the instance
#define CK_SCORE_ONE 65536  // a score of 1

// What one instance asks of `count` nodes, as columns with an element a node.
typedef struct ck_fit_input {
    uint32_t count;
    uint32_t dimensions;      // at most CK_DIMENSIONS_MAX
    uint32_t cpu;             // the dimensions that are scored
    uint32_t memory;
    uint32_t spread;          // 0: fuller nodes score higher; 1: emptier ones
    uint32_t required_flags;  // a node must have all of these
    const uint32_t *flags;
    const uint64_t *feasible;  // bitmap, bit r % 64 of word r / 64; null: all
    const int64_t *capacity[CK_DIMENSIONS_MAX];
    const int64_t *used[CK_DIMENSIONS_MAX];
    int64_t ask[CK_DIMENSIONS_MAX];
    const int64_t *core_mhz;  // of `cpu`, what each whole core asked for takes besides; null: nothing
    uint32_t cores;           // the dimension of whole cores
} ck_fit_input;

// Writes for every node the score of placing one instance there, 0 to CK_SCORE_ONE, or CK_UNFIT.
//
// Score: (20 - 10^(free CPU share) - 10^(free memory share)) / 18, shares as they are after placing, clipped to 0...1
// (best fit, version 3); with `spread` (10^cpu + 10^memory - 2) / 18. Whole cores count as what they take of `cpu`.
void ck_score_all(const ck_fit_input *input, int32_t *scores);

// The score ck_score_all would write for `row`.
int32_t ck_score_one(const ck_fit_input *input, uint32_t row);

#endif
