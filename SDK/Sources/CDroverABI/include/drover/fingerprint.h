// Drover plug-in ABI: `drover.fingerprint/1`, what a machine is and has.
#ifndef DROVER_FINGERPRINT_H
#define DROVER_FINGERPRINT_H

#include "types.h"

DROVER_BEGIN

#define DROVER_FINGERPRINT_1 "drover.fingerprint/1"

typedef struct drover_fingerprint {
    uint32_t size;
    uint32_t reserved;
    // Look at the machine and write one JSON object, all members optional:
    //   "attributes"  object of texts (numbers and booleans as text): constraints see ${attr.NAME}; a name that begins
    //                 with "unique." does not enter the node's class
    //   "links"       object of texts, such as "aws.ec2": "eu-west-1.i-0abc"
    //   "resources"   {"cpu_mhz", "cores": [{"id", "mhz", "numa", "grade": "performance"|"efficiency"}],
    //                 "memory_bytes", "disk_bytes", "networks": [{"device", "mode": "host", "ip", "cidr", "mbits",
    //                 "mac", "addresses": [{"ip", "family": "ipv4"|"ipv6"}]}]}
    //   "period_ns"   when to ask again; 0 or absent: only when drover.event/1 changed("fingerprint") says so
    // Each answer replaces the plug-in's last one: what is missing now is gone. Several fingerprinters are merged in
    // the order of their names, later wins; the operator's configuration wins over all.
    // `known` is a JSON object: {"attributes": merged so far, "options": the client's `options`, "data_dir": path of the
    // allocations, "folders": {what it is for, "state" or "volume.NAME": path}}.
    // Errors: any; the last answer stays, the message is shown, asked again after 30 s.
    // [serial, within 10 s]  since draft 1
    int32_t (*DROVER_NULLABLE probe)(void *self, drover_text known, drover_sink out);
} drover_fingerprint;

#define DROVER_FINGERPRINT_1_SIGNATURES "probe: self text sink -> i32\n"

DROVER_END

#endif
