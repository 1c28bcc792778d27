// Written by SDK/abi-hash from the text of the other headers; do not edit.
#ifndef DROVER_ABI_HASH_H
#define DROVER_ABI_HASH_H
#define DROVER_ABI_HASH "4f0926e33d02ba39"
#endif
