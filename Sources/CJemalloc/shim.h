// jemalloc as the allocator of the `drover` program: what is linked first provides malloc(3).
#ifndef CJEMALLOC_SHIM_H
#define CJEMALLOC_SHIM_H

#include <jemalloc/jemalloc.h>

#endif
