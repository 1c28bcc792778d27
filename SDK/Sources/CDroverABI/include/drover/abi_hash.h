// Written by SDK/abi-hash from the text of the other headers; do not edit.
#ifndef DROVER_ABI_HASH_H
#define DROVER_ABI_HASH_H
#define DROVER_ABI_HASH "e05ff9dc3206491a"
#endif
