#ifndef JAVA_MANIFEST_H
#define JAVA_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *java_manifest(void);

DROVER_END

#endif
