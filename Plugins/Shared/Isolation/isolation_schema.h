// The keys that `IsolationSettings` reads, for the manifests of the drivers that use it.
#ifndef DROVER_ISOLATION_SCHEMA_H
#define DROVER_ISOLATION_SCHEMA_H

// Of the operator's configuration.
#define ISOLATION_CONFIG_SCHEMA \
    "\"chroot_env\":{\"type\":\"map(string)\",\"doc\":\"host path to path in the root; replaces the usual folders\"}," \
    "\"no_pivot_root\":{\"type\":\"bool\",\"default\":false,\"doc\":\"for hosts whose root is a ramdisk\"}," \
    "\"default_pid_mode\":{\"type\":\"string\",\"default\":\"private\",\"doc\":\"private or host\"}," \
    "\"default_ipc_mode\":{\"type\":\"string\",\"default\":\"private\",\"doc\":\"private or host\"}," \
    "\"allow_caps\":{\"type\":\"list(string)\",\"doc\":\"capabilities that jobs may have; all for every one\"}," \
    "\"pids_limit\":{\"type\":\"int\",\"min\":0,\"default\":0,\"doc\":\"processes and threads a task; 0: any number\"}," \
    "\"denied_host_uids\":{\"type\":\"string\",\"doc\":\"users that tasks may not run as: 0,10-99\"}," \
    "\"denied_host_gids\":{\"type\":\"string\",\"doc\":\"groups that a task's user may not be in\"}"

// Of the task's configuration.
#define ISOLATION_TASK_SCHEMA \
    "\"args\":{\"type\":\"list(string)\"}," \
    "\"work_dir\":{\"type\":\"string\",\"doc\":\"absolute path in the task's root; default: /\"}," \
    "\"pid_mode\":{\"type\":\"string\",\"doc\":\"private or host\"}," \
    "\"ipc_mode\":{\"type\":\"string\",\"doc\":\"private or host\"}," \
    "\"cap_add\":{\"type\":\"list(string)\",\"doc\":\"of the operator's allow_caps\"}," \
    "\"cap_drop\":{\"type\":\"list(string)\"}," \
    "\"cpu_hard_limit\":{\"type\":\"bool\",\"default\":false,\"doc\":\"no more CPU time than asked for, even when idle\"}"

#endif
