#ifndef SERVICE_SCHEDULER_MANIFEST_H
#define SERVICE_SCHEDULER_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *service_scheduler_manifest(void);

DROVER_END

#endif
