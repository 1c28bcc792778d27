// The static manifest of libdrover-driver-mock.so.
#include "mock_driver_manifest.h"

#include <drover/plugin.h>

// What a scripted command does: the task itself, and "exec_command".
#define SCRIPT                                                                                                         \
    "\"run_for\":{\"type\":\"duration\",\"doc\":\"until it ends by itself; default: at once\"},"                       \
    "\"exit_code\":{\"type\":\"int\",\"min\":0,\"max\":255},"                                                          \
    "\"exit_signal\":{\"type\":\"int\",\"min\":0,\"max\":64},"                                                         \
    "\"exit_err_msg\":{\"type\":\"string\"},"                                                                          \
    "\"signal_error\":{\"type\":\"string\",\"doc\":\"what sending a signal fails with\"},"                             \
    "\"stdout_string\":{\"type\":\"string\"},"                                                                         \
    "\"stdout_repeat\":{\"type\":\"int\",\"min\":0,\"max\":1000000,\"doc\":\"further writes\"},"                       \
    "\"stdout_repeat_duration\":{\"type\":\"duration\",\"doc\":\"between writes\"},"                                   \
    "\"stderr_string\":{\"type\":\"string\"},"                                                                         \
    "\"stderr_repeat\":{\"type\":\"int\",\"min\":0,\"max\":1000000},"                                                  \
    "\"stderr_repeat_duration\":{\"type\":\"duration\"}"

DROVER_MANIFEST("mock_driver", "0.1.0", "[\"drover.driver/1\"]",
    ",\"licence\":\"Apache-2.0\",\"description\":\"does what a script says, for tests\","
    "\"config_schema\":{"
    "\"fs_isolation\":{\"type\":\"string\",\"values\":[\"none\",\"chroot\",\"image\",\"unveil\"]},"
    "\"shutdown_periodic_after\":{\"type\":\"bool\",\"doc\":\"disappear after shutdown_periodic_duration\"},"
    "\"shutdown_periodic_duration\":{\"type\":\"duration\"}},"
    "\"task_schema\":{" SCRIPT ","
    "\"start_error\":{\"type\":\"string\",\"doc\":\"what the start fails with\"},"
    "\"start_error_recoverable\":{\"type\":\"bool\",\"doc\":\"let the restart policy decide\"},"
    "\"start_block_for\":{\"type\":\"duration\",\"doc\":\"how long the start takes\"},"
    "\"kill_after\":{\"type\":\"duration\",\"doc\":\"how long it takes to end when stopped\"},"
    "\"plugin_exit_after\":{\"type\":\"duration\",\"doc\":\"the process that hosts this plug-in exits\"},"
    "\"driver_ip\":{\"type\":\"string\"},"
    "\"driver_port_map\":{\"type\":\"string\",\"doc\":\"label:port\"},"
    "\"exec_command\":{\"type\":\"block\",\"keys\":{" SCRIPT "}}}");

const char *mock_driver_manifest(void) { return drover_manifest_json; }
