#ifndef EXEC_MANIFEST_H
#define EXEC_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *exec_manifest(void);

DROVER_END

#endif
