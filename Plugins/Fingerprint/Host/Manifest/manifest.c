// The static manifest of libdrover-fingerprint-host.so.
#include "host_fingerprint_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("host", "0.1.0", "[\"drover.fingerprint/1\",\"drover.device/1\"]",
    ",\"licence\":\"Apache-2.0\",\"description\":\"the machine: CPU, memory, storage, network, kernel, GPUs\","
    "\"config_schema\":{"
    "\"nvidia_library\":{\"type\":\"string\",\"doc\":\"path of libnvidia-ml; found by the dynamic loader otherwise\"},"
    "\"root\":{\"type\":\"string\",\"doc\":\"folder that stands for / when /proc, /sys and /etc are read; for tests\"}}");

const char *host_fingerprint_manifest(void) { return drover_manifest_json; }
