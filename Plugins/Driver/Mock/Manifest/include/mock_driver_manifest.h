#ifndef MOCK_DRIVER_MANIFEST_H
#define MOCK_DRIVER_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *mock_driver_manifest(void);

DROVER_END

#endif
