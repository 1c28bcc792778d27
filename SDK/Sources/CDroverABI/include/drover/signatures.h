// Drover plug-in ABI: the signature lines of every interface, by id, for hosts, recorders, fuzzers and validators.
// Plug-ins need not include this. What the lines mean is at the end of types.h.
#ifndef DROVER_SIGNATURES_H
#define DROVER_SIGNATURES_H

#include "device.h"
#include "driver.h"
#include "executor.h"
#include "fingerprint.h"
#include "host.h"
#include "scheduler.h"
#include "scorer.h"
#include "selftest.h"

DROVER_BEGIN

// The lines of interface `id`, one per function pointer of its table in order, NUL-terminated and static; null when
// `id` is not one of this header's, or is drover.scorer/1, whose table holds data. [quick]  since draft 1
static inline const char *DROVER_NULLABLE drover_signatures(const char *id) {
    static const char *const table[][2] = {
        {DROVER_DRIVER_1, DROVER_DRIVER_1_SIGNATURES},
        {DROVER_SCHEDULER_1, DROVER_SCHEDULER_1_SIGNATURES},
        {DROVER_FINGERPRINT_1, DROVER_FINGERPRINT_1_SIGNATURES},
        {DROVER_DEVICE_1, DROVER_DEVICE_1_SIGNATURES},
        {DROVER_SELFTEST_1, DROVER_SELFTEST_1_SIGNATURES},
        {DROVER_EXECUTOR_1, DROVER_EXECUTOR_1_SIGNATURES},
        {DROVER_LOG_1, DROVER_LOG_1_SIGNATURES},
        {DROVER_METRICS_1, DROVER_METRICS_1_SIGNATURES},
        {DROVER_EVENT_1, DROVER_EVENT_1_SIGNATURES},
        {DROVER_KV_1, DROVER_KV_1_SIGNATURES},
        {DROVER_CLOCK_1, DROVER_CLOCK_1_SIGNATURES},
        {DROVER_DIRS_1, DROVER_DIRS_1_SIGNATURES},
        {DROVER_SCORERS_1, DROVER_SCORERS_1_SIGNATURES},
    };
    uint64_t index;
    for (index = 0; index < sizeof(table) / sizeof(table[0]); index++) {
        if (strcmp(table[index][0], id) == 0) { return table[index][1]; }
    }
    return (const char *)0;
}

DROVER_END

#endif
