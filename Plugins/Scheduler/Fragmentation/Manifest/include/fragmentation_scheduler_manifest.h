#ifndef FRAGMENTATION_SCHEDULER_MANIFEST_H
#define FRAGMENTATION_SCHEDULER_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *fragmentation_scheduler_manifest(void);

DROVER_END

#endif
