#ifndef RAW_EXEC_MANIFEST_H
#define RAW_EXEC_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *raw_exec_manifest(void);

DROVER_END

#endif
