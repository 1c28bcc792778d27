#ifndef SYSBATCH_SCHEDULER_MANIFEST_H
#define SYSBATCH_SCHEDULER_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *sysbatch_scheduler_manifest(void);

DROVER_END

#endif
