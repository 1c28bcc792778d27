// The static manifest of libdrover-scheduler-system.so.
#include "system_scheduler_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("system", "0.1.0", "[\"drover.scheduler/1\"]",
    ",\"licence\":\"Apache-2.0\",\"config_schema\":{},"
    "\"description\":\"places system jobs: best fit or spread, every node considered\"");

const char *system_scheduler_manifest(void) { return drover_manifest_json; }
