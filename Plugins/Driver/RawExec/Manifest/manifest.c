// The static manifest of libdrover-driver-raw_exec.so.
#include "raw_exec_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("raw_exec", "0.1.0", "[\"drover.driver/1\"]",
    ",\"licence\":\"Apache-2.0\",\"description\":\"runs a command without isolation\","
    "\"config_schema\":{"
    "\"enabled\":{\"type\":\"bool\",\"default\":false,\"doc\":\"whether jobs may use the driver\"},"
    "\"denied_host_uids\":{\"type\":\"string\",\"doc\":\"users that tasks may not run as: 0,10-99\"},"
    "\"denied_host_gids\":{\"type\":\"string\",\"doc\":\"groups that a task's user may not be in\"},"
    "\"denied_envvars\":{\"type\":\"list(string)\",\"doc\":\"variables kept from tasks; * matches any text\"}},"
    "\"task_schema\":{"
    "\"command\":{\"type\":\"string\",\"required\":true,\"doc\":\"absolute path, path below the task's folder, or name in PATH\"},"
    "\"args\":{\"type\":\"list(string)\"},"
    "\"work_dir\":{\"type\":\"string\",\"doc\":\"absolute path; default: the task's folder\"},"
    "\"cgroup_v2_override\":{\"type\":\"string\",\"doc\":\"cgroup to put the task in instead of its own\"},"
    "\"cgroup_v1_override\":{\"type\":\"any\",\"doc\":\"list of maps of controller to path\"},"
    "\"oom_score_adj\":{\"type\":\"int\",\"min\":0,\"max\":1000},"
    "\"denied_envvars\":{\"type\":\"list(string)\"}}");

const char *raw_exec_manifest(void) { return drover_manifest_json; }
