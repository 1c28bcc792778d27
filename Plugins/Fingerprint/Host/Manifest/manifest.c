// The static manifest of libdrover-fingerprint-host.so.
#include "host_fingerprint_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("host", "0.1.0", "[\"drover.fingerprint/1\",\"drover.device/1\"]",
    ",\"licence\":\"Apache-2.0\",\"description\":\"the machine: CPU, memory, storage, network, kernel, GPUs\","
    "\"config_schema\":{}");

const char *host_fingerprint_manifest(void) { return drover_manifest_json; }
