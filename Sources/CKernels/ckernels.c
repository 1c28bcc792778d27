#include "ckernels.h"

#include <drover/fit.h>

// Contraction to fused multiply-add would make the clones disagree in the last bits.
#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__) && defined(__clang__)
#define CK_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CK_CLONES
#endif

#define CK_INLINE static inline __attribute__((always_inline))

// 10^x for x in 0...1: a Taylor polynomial of e^(x ln10 / 8), squared three times; relative error below 1e-7.
CK_INLINE double ck_pow10(double x) {
    const double y = x * 0.28782313662425573;  // ln(10) / 8
    double p = 1.0 / 5040.0;
    p = p * y + 1.0 / 720.0;
    p = p * y + 1.0 / 120.0;
    p = p * y + 1.0 / 24.0;
    p = p * y + 1.0 / 6.0;
    p = p * y + 0.5;
    p = p * y + 1.0;
    p = p * y + 1.0;
    p = p * p;
    p = p * p;
    return p * p;
}

// The share of `capacity` that stays free once `ask` is added to `used`, clipped to 0...1; nothing is free of no capacity.
CK_INLINE double ck_free_share(int64_t capacity, int64_t used, int64_t ask) {
    const double total = capacity > 0 ? (double)capacity : 1.0;
    const double left = capacity > 0 ? (double)capacity - ((double)used + (double)ask) : 0.0;
    const double share = left / total;
    const double low = share < 0.0 ? 0.0 : share;
    return low > 1.0 ? 1.0 : low;
}

CK_INLINE int32_t ck_quantised(double cpu_free, double memory_free, uint32_t spread) {
    const double total = ck_pow10(cpu_free) + ck_pow10(memory_free);
    const double raw = (spread ? total - 2.0 : 20.0 - total) * (1.0 / 18.0);
    const double low = raw < 0.0 ? 0.0 : raw;
    const double clipped = low > 1.0 ? 1.0 : low;
    return (int32_t)(clipped * (double)CK_SCORE_ONE + 0.5);
}

CK_CLONES
static void ck_fill_scores(const int64_t *restrict cpu_capacity, const int64_t *restrict cpu_used, int64_t cpu_ask,
                           const int64_t *restrict memory_capacity, const int64_t *restrict memory_used,
                           int64_t memory_ask, uint32_t count, uint32_t spread, int32_t *restrict scores) {
    for (uint32_t row = 0; row < count; row++) {
        const double cpu = ck_free_share(cpu_capacity[row], cpu_used[row], cpu_ask);
        const double memory = ck_free_share(memory_capacity[row], memory_used[row], memory_ask);
        scores[row] = ck_quantised(cpu, memory, spread);
    }
}

CK_CLONES
static void ck_mask_dimension(const int64_t *restrict capacity, const int64_t *restrict used, int64_t ask,
                              uint32_t count, int32_t *restrict scores) {
    for (uint32_t row = 0; row < count; row++) {
        scores[row] = drover_fit_one(capacity[row], used[row], ask) ? scores[row] : CK_UNFIT;
    }
}

CK_CLONES
static void ck_mask_flags(const uint32_t *restrict flags, uint32_t required, uint32_t count, int32_t *restrict scores) {
    for (uint32_t row = 0; row < count; row++) {
        scores[row] = (flags[row] & required) == required ? scores[row] : CK_UNFIT;
    }
}

static void ck_mask_bits(const uint64_t *bits, uint32_t count, int32_t *scores) {
    for (uint32_t first = 0; first < count; first += 64) {
        const uint64_t word = bits[first / 64];
        const uint32_t end = count - first < 64 ? count - first : 64;
        if (word == ~(uint64_t)0) { continue; }
        for (uint32_t bit = 0; bit < end; bit++) {
            if ((word >> bit & 1) == 0) { scores[first + bit] = CK_UNFIT; }
        }
    }
}

void ck_score_all(const ck_fit_input *input, int32_t *scores) {
    const uint32_t cpu = input->cpu, memory = input->memory;
    ck_fill_scores(input->capacity[cpu], input->used[cpu], input->ask[cpu], input->capacity[memory],
                   input->used[memory], input->ask[memory], input->count, input->spread, scores);
    for (uint32_t dimension = 0; dimension < input->dimensions; dimension++) {
        if (input->ask[dimension] == 0) { continue; }
        ck_mask_dimension(input->capacity[dimension], input->used[dimension], input->ask[dimension], input->count,
                          scores);
    }
    if (input->flags) { ck_mask_flags(input->flags, input->required_flags, input->count, scores); }
    if (input->feasible) { ck_mask_bits(input->feasible, input->count, scores); }
}

int32_t ck_score_one(const ck_fit_input *input, uint32_t row) {
    const uint32_t cpu = input->cpu, memory = input->memory;
    if (input->flags && (input->flags[row] & input->required_flags) != input->required_flags) { return CK_UNFIT; }
    if (!drover_bit(input->feasible, row)) { return CK_UNFIT; }
    for (uint32_t dimension = 0; dimension < input->dimensions; dimension++) {
        if (!drover_fit_one(input->capacity[dimension][row], input->used[dimension][row], input->ask[dimension])) {
            return CK_UNFIT;
        }
    }
    const double cpu_free = ck_free_share(input->capacity[cpu][row], input->used[cpu][row], input->ask[cpu]);
    const double memory_free =
        ck_free_share(input->capacity[memory][row], input->used[memory][row], input->ask[memory]);
    return ck_quantised(cpu_free, memory_free, input->spread);
}
