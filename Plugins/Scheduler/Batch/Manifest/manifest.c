// The static manifest of libdrover-scheduler-batch.so.
#include "batch_scheduler_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("batch", "0.1.0", "[\"drover.scheduler/1\"]",
    ",\"licence\":\"Apache-2.0\",\"config_schema\":{},"
    "\"description\":\"places batch jobs: best fit or spread, every node considered\"");

const char *batch_scheduler_manifest(void) { return drover_manifest_json; }
