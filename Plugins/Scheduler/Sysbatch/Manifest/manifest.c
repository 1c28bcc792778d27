// The static manifest of libdrover-scheduler-sysbatch.so.
#include "sysbatch_scheduler_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("sysbatch", "0.1.0", "[\"drover.scheduler/1\"]",
    ",\"licence\":\"Apache-2.0\",\"config_schema\":{},"
    "\"description\":\"places sysbatch jobs: best fit or spread, every node considered\"");

const char *sysbatch_scheduler_manifest(void) { return drover_manifest_json; }
