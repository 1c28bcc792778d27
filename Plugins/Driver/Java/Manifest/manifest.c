// The static manifest of libdrover-driver-java.so.
#include "java_manifest.h"
#include "../../../Shared/Isolation/isolation_schema.h"

#include <drover/plugin.h>

DROVER_MANIFEST("java", "0.1.0", "[\"drover.driver/1\"]",
    ",\"licence\":\"Apache-2.0\",\"description\":\"runs a class or a jar in the machine's Java runtime, isolated as exec isolates\","
    "\"config_schema\":{"
    ISOLATION_CONFIG_SCHEMA "},"
    "\"task_schema\":{"
    "\"class\":{\"type\":\"string\",\"doc\":\"the main class; this or jar_path\"},"
    "\"class_path\":{\"type\":\"string\",\"doc\":\"paths in the task's root, with : between them\"},"
    "\"jar_path\":{\"type\":\"string\",\"doc\":\"path in the task's root; this or class\"},"
    "\"jvm_options\":{\"type\":\"list(string)\",\"doc\":\"such as -Xmx256m: the heap must fit into the memory asked for\"},"
    ISOLATION_TASK_SCHEMA "}");

const char *java_manifest(void) { return drover_manifest_json; }
