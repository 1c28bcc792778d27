// The static manifest of libdrover-driver-exec.so.
#include "exec_manifest.h"
#include "../../../Shared/Isolation/isolation_schema.h"

#include <drover/plugin.h>

DROVER_MANIFEST("exec", "0.1.0", "[\"drover.driver/1\"]",
    ",\"licence\":\"Apache-2.0\",\"description\":\"runs a command in namespaces, a root and a cgroup of its own\","
    "\"config_schema\":{"
    ISOLATION_CONFIG_SCHEMA "},"
    "\"task_schema\":{"
    "\"command\":{\"type\":\"string\",\"required\":true,\"doc\":\"path in the task's root, or name in PATH\"},"
    ISOLATION_TASK_SCHEMA "}");

const char *exec_manifest(void) { return drover_manifest_json; }
