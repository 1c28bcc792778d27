// Drover plug-in ABI: `drover.selftest/1`, a plug-in's own tests, run by the validator and never in production.
#ifndef DROVER_SELFTEST_H
#define DROVER_SELFTEST_H

#include "types.h"

DROVER_BEGIN

#define DROVER_SELFTEST_1 "drover.selftest/1"

typedef struct drover_selftest {
    uint32_t size;
    uint32_t reserved;
    // Write the names of the tests, a JSON array of texts. [quick]  since draft 1
    int32_t (*DROVER_NULLABLE list)(void *self, drover_sink out);
    // Run one. Writes nothing on success, the reason on failure (DROVER_E_INTERNAL) or for a test this machine cannot
    // run (DROVER_E_UNSUPPORTED: counted as skipped). Leaves nothing behind. Errors: DROVER_E_NOT_FOUND. [serial,
    // within 60 s]  since draft 1
    int32_t (*DROVER_NULLABLE run)(void *self, drover_text name, drover_sink out);
} drover_selftest;

#define DROVER_SELFTEST_1_SIGNATURES                                                                                   \
    "list: self sink -> i32\n"                                                                                         \
    "run: self text sink -> i32\n"

DROVER_END

#endif
