// The static manifest of libdrover-scheduler-fragmentation.so.
#include "fragmentation_scheduler_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("fragmentation", "0.1.0", "[\"drover.scheduler/1\"]",
    ",\"licence\":\"Apache-2.0\","
    "\"description\":\"places service and batch jobs so that free devices stay useful to common work\"");

const char *fragmentation_scheduler_manifest(void) { return drover_manifest_json; }
