#ifndef QEMU_MANIFEST_H
#define QEMU_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *qemu_manifest(void);

DROVER_END

#endif
