#ifndef HOST_FINGERPRINT_MANIFEST_H
#define HOST_FINGERPRINT_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *host_fingerprint_manifest(void);

DROVER_END

#endif
