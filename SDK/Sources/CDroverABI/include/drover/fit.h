// Drover plug-in ABI: the one fit function. Scheduler plug-ins, the core and the plan applier all decide with it, so
// that what a scheduler proposes on a fresh view is what the leader accepts. Integers only: the same on every machine.
#ifndef DROVER_FIT_H
#define DROVER_FIT_H

#include "types.h"

DROVER_BEGIN

// Dimensions, in the order of every `capacity`, `used` and `ask`. Arrays have DROVER_DIMENSIONS_MAX elements; those
// from DROVER_DIMENSIONS on are 0.
#define DROVER_CPU_MHZ 0
#define DROVER_CORES 1           // whole reserved cores
#define DROVER_MEMORY_MIB 2
#define DROVER_MEMORY_MAX_MIB 3  // oversubscribed memory; capacity DROVER_UNLIMITED unless the operator limits it
#define DROVER_DISK_MIB 4
#define DROVER_NETWORK_MBIT 5
#define DROVER_DIMENSIONS 6
#define DROVER_DIMENSIONS_MAX 8

#define DROVER_UNLIMITED 0x7fffffffffffffffLL  // as a capacity: always enough
#define DROVER_FITS (-1)

// Whether one dimension holds `ask` more. An ask of 0 always fits, even where a shrunken node is over-full; a negative
// ask never does. No overflow for any input. [quick]  since draft 1
static inline int32_t drover_fit_one(int64_t capacity, int64_t used, int64_t ask) {
    if (ask <= 0) { return ask == 0; }
    if (capacity == DROVER_UNLIMITED) { return 1; }
    if (used < 0) { used = 0; }
    return capacity >= used && capacity - used >= ask;
}

// DROVER_FITS, or the first of `count` dimensions that is exhausted. [quick]  since draft 1
static inline int32_t drover_fit(const int64_t *capacity, const int64_t *used, const int64_t *ask, int32_t count) {
    int32_t dimension;
    for (dimension = 0; dimension < count; dimension++) {
        if (!drover_fit_one(capacity[dimension], used[dimension], ask[dimension])) { return dimension; }
    }
    return DROVER_FITS;
}

#define DROVER_PORT_WORDS 1024  // 64-bit words of a bitmap of ports 0 to 65,535: bit p % 64 of word p / 64

// DROVER_FITS, or the first of `ports` that `taken` has, that `ports` names twice before it, or that is above 65,535.
// [quick]  since draft 1
static inline int32_t drover_fit_ports(const uint64_t *taken, const uint32_t *ports, uint32_t count) {
    uint32_t index, earlier;
    for (index = 0; index < count; index++) {
        const uint32_t port = ports[index];
        if (port > 65535 || (taken[port / 64] >> (port % 64) & 1) != 0) { return (int32_t)port; }
        for (earlier = 0; earlier < index; earlier++) {
            if (ports[earlier] == port) { return (int32_t)port; }
        }
    }
    return DROVER_FITS;
}

// Whether bit `index` of a bitmap is set; a null bitmap has every bit set. [quick]  since draft 1
static inline int32_t drover_bit(const uint64_t *DROVER_NULLABLE bitmap, uint32_t index) {
    return !bitmap || (bitmap[index / 64] >> (index % 64) & 1) != 0;
}

DROVER_END

#endif
