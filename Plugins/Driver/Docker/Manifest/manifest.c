// The static manifest of libdrover-driver-docker.so.
#include "docker_manifest.h"

#include <drover/plugin.h>

// What waits in the container that holds a group's network; as in DockerSettings.
#ifdef __aarch64__
#define INFRA_IMAGE "registry.k8s.io/pause-arm64:3.3"
#else
#define INFRA_IMAGE "registry.k8s.io/pause-amd64:3.3"
#endif

// A block "mount", and "mounts" as it was once called.
#define MOUNT \
    "{\"type\":\"list(block)\",\"keys\":{" \
    "\"type\":{\"type\":\"string\",\"doc\":\"volume, bind or tmpfs\",\"default\":\"volume\"}," \
    "\"target\":{\"type\":\"string\",\"required\":true}," \
    "\"source\":{\"type\":\"string\"}," \
    "\"readonly\":{\"type\":\"bool\",\"default\":false}," \
    "\"bind_options\":{\"type\":\"block\",\"keys\":{\"propagation\":{\"type\":\"string\"}}}," \
    "\"tmpfs_options\":{\"type\":\"block\",\"keys\":{\"size\":{\"type\":\"int\",\"min\":0,\"doc\":\"bytes\"},\"mode\":{\"type\":\"int\",\"min\":0}}}," \
    "\"volume_options\":{\"type\":\"block\",\"keys\":{\"no_copy\":{\"type\":\"bool\",\"default\":false},\"labels\":{\"type\":\"map(string)\"},\"driver_config\":{\"type\":\"block\",\"keys\":{\"name\":{\"type\":\"string\"},\"options\":{\"type\":\"map(string)\"}}}}}" \
    "}}"

DROVER_MANIFEST("docker", "0.1.0", "[\"drover.driver/1\"]",
    ",\"licence\":\"Apache-2.0\",\"description\":\"runs containers of an engine that speaks the Docker Engine API\","
    "\"config_schema\":{"
    "\"endpoint\":{\"type\":\"string\",\"doc\":\"unix:///path, tcp://host:port or https://host:port\",\"default\":\"unix:///var/run/docker.sock\"},"
    "\"tls\":{\"type\":\"block\",\"keys\":{\"cert\":{\"type\":\"string\",\"doc\":\"PEM file that shows who the agent is\"},\"key\":{\"type\":\"string\",\"doc\":\"its key\"},\"ca\":{\"type\":\"string\",\"doc\":\"PEM file of who may have signed the engine's; default: the machine's\"}}},"
    "\"auth\":{\"type\":\"block\",\"keys\":{\"config\":{\"type\":\"string\",\"doc\":\"file as docker login writes it\"},\"helper\":{\"type\":\"string\",\"doc\":\"the end of docker-credential-NAME\"}}},"
    "\"extra_labels\":{\"type\":\"list(string)\",\"doc\":\"of job_name, job_id, task_group_name, task_name, namespace, node_name, node_id, short_alloc_id; with *\"},"
    "\"disable_log_collection\":{\"type\":\"bool\",\"default\":false,\"doc\":\"leave output to the engine's logging driver\"},"
    "\"allow_privileged\":{\"type\":\"bool\",\"default\":false},"
    "\"allow_caps\":{\"type\":\"list(string)\",\"doc\":\"capabilities that jobs may have; all for every one\"},"
    "\"allow_runtimes\":{\"type\":\"list(string)\",\"doc\":\"default: runc, nvidia\"},"
    "\"nvidia_runtime\":{\"type\":\"string\",\"default\":\"nvidia\"},"
    "\"allowed_modes\":{\"type\":\"block\",\"keys\":{\"pid\":{\"type\":\"list(string)\"},\"ipc\":{\"type\":\"list(string)\"},\"userns\":{\"type\":\"list(string)\"},\"uts\":{\"type\":\"list(string)\"}}},"
    "\"infra_image\":{\"type\":\"string\",\"default\":\"" INFRA_IMAGE "\",\"doc\":\"of the container that holds a group's network\"},"
    "\"infra_image_pull_timeout\":{\"type\":\"duration\",\"default\":\"5m\"},"
    "\"image_pull_timeout\":{\"type\":\"duration\",\"default\":\"5m\"},"
    "\"pull_activity_timeout\":{\"type\":\"duration\",\"default\":\"2m\",\"doc\":\"a pull without progress for so long has failed\"},"
    "\"container_exists_attempts\":{\"type\":\"int\",\"default\":5,\"min\":1,\"max\":1000},"
    "\"oom_score_adj\":{\"type\":\"int\",\"default\":0,\"min\":-1000,\"max\":1000},"
    "\"pids_limit\":{\"type\":\"int\",\"default\":0,\"min\":0,\"doc\":\"processes and threads a task; 0: any number\"},"
    "\"windows_allow_insecure_container_admin\":{\"type\":\"bool\",\"default\":false,\"doc\":\"of no meaning on Linux\"},"
    "\"logging\":{\"type\":\"block\",\"keys\":{\"type\":{\"type\":\"string\"},\"config\":{\"type\":\"map(string)\"}}},"
    "\"gc\":{\"type\":\"block\",\"keys\":{\"image\":{\"type\":\"bool\",\"default\":true},\"image_delay\":{\"type\":\"duration\",\"default\":\"3m\"},\"container\":{\"type\":\"bool\",\"default\":true},\"dangling_containers\":{\"type\":\"block\",\"keys\":{\"enabled\":{\"type\":\"bool\",\"default\":true},\"period\":{\"type\":\"duration\",\"default\":\"5m\"},\"creation_grace\":{\"type\":\"duration\",\"default\":\"5m\"},\"dry_run\":{\"type\":\"bool\",\"default\":false}}}}},"
    "\"volumes\":{\"type\":\"block\",\"keys\":{\"enabled\":{\"type\":\"bool\",\"default\":false,\"doc\":\"let jobs mount host paths from outside their allocation\"},\"selinuxlabel\":{\"type\":\"string\",\"doc\":\"z or Z\"}}}"
    "},\"task_schema\":{"
    "\"image\":{\"type\":\"string\",\"required\":true},"
    "\"command\":{\"type\":\"string\"},"
    "\"args\":{\"type\":\"list(string)\"},"
    "\"entrypoint\":{\"type\":\"list(string)\"},"
    "\"advertise_ipv6_address\":{\"type\":\"bool\",\"default\":false},"
    "\"auth_soft_fail\":{\"type\":\"bool\",\"default\":false},"
    "\"cap_add\":{\"type\":\"list(string)\",\"doc\":\"of the operator's allow_caps\"},"
    "\"cap_drop\":{\"type\":\"list(string)\"},"
    "\"cgroupns\":{\"type\":\"string\",\"doc\":\"private or host\"},"
    "\"cpuset_cpus\":{\"type\":\"string\"},"
    "\"cpu_hard_limit\":{\"type\":\"bool\",\"default\":false,\"doc\":\"no more CPU time than asked for, even when idle\"},"
    "\"cpu_cfs_period\":{\"type\":\"int\",\"default\":100000,\"min\":1000,\"max\":1000000,\"doc\":\"microseconds\"},"
    "\"container_exists_attempts\":{\"type\":\"int\",\"min\":1,\"max\":1000},"
    "\"dns_servers\":{\"type\":\"list(string)\"},"
    "\"dns_search_domains\":{\"type\":\"list(string)\"},"
    "\"dns_options\":{\"type\":\"list(string)\"},"
    "\"extra_hosts\":{\"type\":\"list(string)\"},"
    "\"force_pull\":{\"type\":\"bool\",\"default\":false},"
    "\"group_add\":{\"type\":\"list(string)\"},"
    "\"hostname\":{\"type\":\"string\"},"
    "\"init\":{\"type\":\"bool\",\"default\":false},"
    "\"interactive\":{\"type\":\"bool\",\"default\":false},"
    "\"ipc_mode\":{\"type\":\"string\"},"
    "\"ipv4_address\":{\"type\":\"string\"},"
    "\"ipv6_address\":{\"type\":\"string\"},"
    "\"isolation\":{\"type\":\"string\"},"
    "\"labels\":{\"type\":\"map(string)\"},"
    "\"load\":{\"type\":\"string\",\"doc\":\"image archive in the task's folder\"},"
    "\"mac_address\":{\"type\":\"string\"},"
    "\"memory_hard_limit\":{\"type\":\"int\",\"min\":0,\"doc\":\"MiB\"},"
    "\"network_aliases\":{\"type\":\"list(string)\"},"
    "\"network_mode\":{\"type\":\"string\"},"
    "\"oom_score_adj\":{\"type\":\"int\",\"min\":-1000,\"max\":1000},"
    "\"runtime\":{\"type\":\"string\",\"doc\":\"of the operator's allow_runtimes\"},"
    "\"pids_limit\":{\"type\":\"int\",\"min\":0},"
    "\"pid_mode\":{\"type\":\"string\"},"
    "\"ports\":{\"type\":\"list(string)\",\"doc\":\"labels of the group's ports\"},"
    "\"port_map\":{\"type\":\"map(string)\",\"doc\":\"label to port in the container\"},"
    "\"privileged\":{\"type\":\"bool\",\"default\":false},"
    "\"image_pull_timeout\":{\"type\":\"duration\"},"
    "\"readonly_rootfs\":{\"type\":\"bool\",\"default\":false},"
    "\"security_opt\":{\"type\":\"list(string)\"},"
    "\"shm_size\":{\"type\":\"int\",\"min\":0,\"doc\":\"bytes\"},"
    "\"storage_opt\":{\"type\":\"map(string)\"},"
    "\"sysctl\":{\"type\":\"map(string)\"},"
    "\"tty\":{\"type\":\"bool\",\"default\":false},"
    "\"ulimit\":{\"type\":\"map(string)\",\"doc\":\"name to soft:hard\"},"
    "\"uts_mode\":{\"type\":\"string\"},"
    "\"userns_mode\":{\"type\":\"string\"},"
    "\"volumes\":{\"type\":\"list(string)\",\"doc\":\"source:target:options\"},"
    "\"volume_driver\":{\"type\":\"string\"},"
    "\"work_dir\":{\"type\":\"string\"},"
    "\"auth\":{\"type\":\"block\",\"keys\":{\"username\":{\"type\":\"string\"},\"password\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"},\"server_address\":{\"type\":\"string\"}}},"
    "\"devices\":{\"type\":\"list(block)\",\"keys\":{\"host_path\":{\"type\":\"string\",\"required\":true},\"container_path\":{\"type\":\"string\"},\"cgroup_permissions\":{\"type\":\"string\"}}},"
    "\"healthchecks\":{\"type\":\"block\",\"keys\":{\"disable\":{\"type\":\"bool\",\"default\":false}}},"
    "\"logging\":{\"type\":\"block\",\"keys\":{\"type\":{\"type\":\"string\"},\"driver\":{\"type\":\"string\"},\"config\":{\"type\":\"map(string)\"}}},"
    "\"mount\":" MOUNT ",\"mounts\":" MOUNT "}");

const char *docker_manifest(void) { return drover_manifest_json; }
