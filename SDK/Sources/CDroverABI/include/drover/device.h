// Drover plug-in ABI: `drover.device/1`, devices that tasks can be given: GPUs, FPGAs, network functions.
#ifndef DROVER_DEVICE_H
#define DROVER_DEVICE_H

#include "types.h"

DROVER_BEGIN

#define DROVER_DEVICE_1 "drover.device/1"

typedef struct drover_device {
    uint32_t size;
    uint32_t reserved;
    // Look for devices and write {"groups": [{"vendor", "type", "model": texts; a job asks for "type", "vendor/type" or
    // "vendor/type/model", "attributes": {name: number, bool, or text with an optional unit such as "16 GiB"},
    // "instances": [{"id": stable over restarts, "healthy": bool, "health_message", "pci_bus_id", "numa": n,
    // "fraction_min_milli": smallest share that can be reserved, 1000 (default): only whole}]}], "period_ns"}. Health
    // changes are told by drover.event/1 changed("devices"). Errors as for a fingerprint. [serial, within 10 s]
    // since draft 1
    int32_t (*DROVER_NULLABLE probe)(void *self, drover_sink out);
    // How a task uses what it was given: `request` is {"task_id", "fs_isolation": that of the task's driver (driver.h;
    // "none": it sees all files of the machine), "instances": [{"id", "share_milli"}]}. Write {"env": {..}, "mounts":
    // [{"source", "target", "read_only"}], "devices": [{"host_path", "task_path", "permissions": "rwm"}]}. Changes
    // nothing that must be undone; called again after restarts.
    // Errors: DROVER_E_NOT_FOUND (instance), DROVER_E_RETRY (unhealthy). [any]  since draft 1
    int32_t (*DROVER_NULLABLE reserve)(void *self, drover_text request, drover_sink out);
    // Write {"groups": [{"vendor", "type", "model", "instances": {id: {"summary": {"value", "unit"}, "stats": {name:
    // {"value": number, bool or text, "unit": text, "total": number (of which the value is a part), "description": text}},
    // "time_ns"}}}]}. [any, within 1 s]  since draft 1
    int32_t (*DROVER_NULLABLE stats)(void *self, drover_sink out);
} drover_device;

#define DROVER_DEVICE_1_SIGNATURES                                                                                     \
    "probe: self sink -> i32\n"                                                                                        \
    "reserve: self text sink -> i32\n"                                                                                 \
    "stats: self sink -> i32\n"

DROVER_END

#endif
