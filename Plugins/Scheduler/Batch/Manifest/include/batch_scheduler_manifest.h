#ifndef BATCH_SCHEDULER_MANIFEST_H
#define BATCH_SCHEDULER_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *batch_scheduler_manifest(void);

DROVER_END

#endif
