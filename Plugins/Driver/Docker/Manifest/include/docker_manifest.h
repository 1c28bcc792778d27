#ifndef DOCKER_MANIFEST_H
#define DOCKER_MANIFEST_H

#include <drover/types.h>

DROVER_BEGIN

// The manifest of this library; static.
const char *docker_manifest(void);

DROVER_END

#endif
