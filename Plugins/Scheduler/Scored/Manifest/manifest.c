// The static manifest of libdrover-scheduler-scored.so.
#include "scored_scheduler_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("scored", "0.1.0", "[\"drover.scheduler/1\"]",
    ",\"licence\":\"Apache-2.0\",\"config_schema\":{\"scorer\":{\"type\":\"string\","
    "\"doc\":\"library/scorer; may be left out when only one is installed\"}},"
    "\"description\":\"places jobs of every type by an installed scoring function\"");

const char *scored_scheduler_manifest(void) { return drover_manifest_json; }
