// The static manifest of libdrover-scheduler-service.so.
#include "service_scheduler_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("service", "0.1.0", "[\"drover.scheduler/1\"]",
    ",\"licence\":\"Apache-2.0\",\"config_schema\":{},"
    "\"description\":\"places service jobs: best fit or spread, every node considered\"");

const char *service_scheduler_manifest(void) { return drover_manifest_json; }
