// The static manifest of libdrover-driver-qemu.so.
#include "qemu_manifest.h"

#include <drover/plugin.h>

DROVER_MANIFEST("qemu", "0.1.0", "[\"drover.driver/1\"]",
    ",\"licence\":\"Apache-2.0\",\"description\":\"runs a virtual machine from a disk image\","
    "\"config_schema\":{"
    "\"image_paths\":{\"type\":\"list(string)\",\"doc\":\"folders of this machine whose images jobs may use; guests write what the task's user may write\"},"
    "\"args_allowlist\":{\"type\":\"list(string)\",\"doc\":\"options that jobs may pass: -smp; absent or empty: all\"},"
    "\"emulators_allowlist\":{\"type\":\"list(string)\",\"doc\":\"architectures that jobs may use: x86_64; absent or empty: all\"}},"
    "\"task_schema\":{"
    "\"image_path\":{\"type\":\"string\",\"required\":true,\"doc\":\"below local, alloc or secrets, or in one of image_paths\"},"
    "\"emulator\":{\"type\":\"string\",\"doc\":\"qemu-system-ARCH, or ARCH alone; default: this machine's architecture\"},"
    "\"machine_type\":{\"type\":\"string\",\"doc\":\"default: pc on x86, virt elsewhere\"},"
    "\"drive_interface\":{\"type\":\"string\",\"doc\":\"ide, scsi, sd, mtd, floppy, pflash, virtio or none; default: ide\"},"
    "\"accelerator\":{\"type\":\"string\",\"doc\":\"tcg or kvm; default: kvm where guests run under it, else tcg\"},"
    "\"graceful_shutdown\":{\"type\":\"bool\",\"default\":false,\"doc\":\"stop by the power button first\"},"
    "\"guest_agent\":{\"type\":\"bool\",\"default\":false,\"doc\":\"a socket to the guest agent in the task's folder: qemu/qa.sock\"},"
    "\"args\":{\"type\":\"list(string)\",\"doc\":\"further options of the emulator\"},"
    "\"port_map\":{\"type\":\"map(string)\",\"doc\":\"port label to port in the guest\"}}");

const char *qemu_manifest(void) { return drover_manifest_json; }
