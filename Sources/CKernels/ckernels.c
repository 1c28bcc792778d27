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

// What the instance takes of CPU on `row`, its whole cores included. Unsigned, as absurd figures must not be undefined.
CK_INLINE int64_t ck_cpu_ask(int64_t ask, int64_t cores, const int64_t *core_mhz, uint32_t row) {
    return core_mhz ? (int64_t)((uint64_t)ask + (uint64_t)cores * (uint64_t)core_mhz[row]) : ask;
}

// The scores by CPU and memory alone. Each caller passes a constant for one of its two cases, so that neither has a
// branch in its loop.
CK_INLINE void ck_fill(const ck_fit_input *input, int64_t cores, const int64_t *core_mhz, int32_t *restrict scores) {
    const int64_t *restrict cpu_capacity = input->capacity[input->cpu];
    const int64_t *restrict cpu_used = input->used[input->cpu];
    const int64_t *restrict memory_capacity = input->capacity[input->memory];
    const int64_t *restrict memory_used = input->used[input->memory];
    const int64_t cpu_ask = input->ask[input->cpu], memory_ask = input->ask[input->memory];
    const uint32_t count = input->count, spread = input->spread;
    for (uint32_t row = 0; row < count; row++) {
        const int64_t ask = ck_cpu_ask(cpu_ask, cores, core_mhz, row);
        const double cpu = ck_free_share(cpu_capacity[row], cpu_used[row], ask);
        const double memory = ck_free_share(memory_capacity[row], memory_used[row], memory_ask);
        scores[row] = ck_quantised(cpu, memory, spread);
    }
}

CK_CLONES
static void ck_fill_scores(const ck_fit_input *input, int32_t *restrict scores) {
    ck_fill(input, 0, (const int64_t *)0, scores);
}

CK_CLONES
static void ck_fill_core_scores(const ck_fit_input *input, int64_t cores, const int64_t *restrict core_mhz,
                                int32_t *restrict scores) {
    ck_fill(input, cores, core_mhz, scores);
}

CK_CLONES
static void ck_mask_dimension(const int64_t *restrict capacity, const int64_t *restrict used, int64_t ask,
                              uint32_t count, int32_t *restrict scores) {
    for (uint32_t row = 0; row < count; row++) {
        scores[row] = drover_fit_one(capacity[row], used[row], ask) ? scores[row] : CK_UNFIT;
    }
}

CK_CLONES
static void ck_mask_cpu(const ck_fit_input *input, int64_t cores, const int64_t *restrict core_mhz,
                        int32_t *restrict scores) {
    const int64_t *restrict capacity = input->capacity[input->cpu];
    const int64_t *restrict used = input->used[input->cpu];
    const int64_t ask = input->ask[input->cpu];
    const uint32_t count = input->count;
    for (uint32_t row = 0; row < count; row++) {
        const int64_t total = ck_cpu_ask(ask, cores, core_mhz, row);
        scores[row] = drover_fit_one(capacity[row], used[row], total) ? scores[row] : CK_UNFIT;
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

// The column to count cores with; null when the instance asks for none, or cores take nothing besides.
CK_INLINE const int64_t *ck_core_mhz(const ck_fit_input *input) {
    return input->core_mhz && input->ask[input->cores] != 0 ? input->core_mhz : (const int64_t *)0;
}

void ck_score_all(const ck_fit_input *input, int32_t *scores) {
    const int64_t *core_mhz = ck_core_mhz(input);
    if (core_mhz) {
        ck_fill_core_scores(input, input->ask[input->cores], core_mhz, scores);
        ck_mask_cpu(input, input->ask[input->cores], core_mhz, scores);
    } else {
        ck_fill_scores(input, scores);
    }
    for (uint32_t dimension = 0; dimension < input->dimensions; dimension++) {
        if (input->ask[dimension] == 0 || (core_mhz && dimension == input->cpu)) { continue; }
        ck_mask_dimension(input->capacity[dimension], input->used[dimension], input->ask[dimension], input->count,
                          scores);
    }
    if (input->flags) { ck_mask_flags(input->flags, input->required_flags, input->count, scores); }
    if (input->feasible) { ck_mask_bits(input->feasible, input->count, scores); }
}

int32_t ck_score_one(const ck_fit_input *input, uint32_t row) {
    const uint32_t cpu = input->cpu, memory = input->memory;
    const int64_t cpu_ask = ck_cpu_ask(input->ask[cpu], input->ask[input->cores], ck_core_mhz(input), row);
    if (input->flags && (input->flags[row] & input->required_flags) != input->required_flags) { return CK_UNFIT; }
    if (!drover_bit(input->feasible, row)) { return CK_UNFIT; }
    for (uint32_t dimension = 0; dimension < input->dimensions; dimension++) {
        const int64_t ask = dimension == cpu ? cpu_ask : input->ask[dimension];
        if (!drover_fit_one(input->capacity[dimension][row], input->used[dimension][row], ask)) { return CK_UNFIT; }
    }
    const double cpu_free = ck_free_share(input->capacity[cpu][row], input->used[cpu][row], cpu_ask);
    const double memory_free =
        ck_free_share(input->capacity[memory][row], input->used[memory][row], input->ask[memory]);
    return ck_quantised(cpu_free, memory_free, input->spread);
}
