// zlib, for Archive only. Its init calls are macros, which Swift does not see: these functions make them, for gzip (RFC 1952).
#ifndef CZLIB_SHIM_H
#define CZLIB_SHIM_H

#include <zlib.h>

// 15 is the largest window; 16 more asks for gzip's header and trailer instead of zlib's (zlib.h, deflateInit2).
static inline int czlib_deflate_init(z_stream *stream) {
    return deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
static inline int czlib_inflate_init(z_stream *stream) { return inflateInit2(stream, 15 + 16); }

#endif
