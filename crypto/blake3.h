/* SPDX-License-Identifier: Apache-2.0 */
/* BLAKE3, plain hashing with 32 bytes of output, as some tools list a model's files. Portable and
 * on one thread: for reading what others wrote; nothing of ours is hashed with it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BLAKE3_SIZE   32
#define BLAKE3_LEVELS 54 /* of the tree over 2^64 bytes in chunks of 1024 */

struct blake3 {
	uint32_t cv[8]; /* of the chunk at hand */
	uint8_t block[64];
	size_t block_n, blocks; /* bytes in block, blocks before it */
	uint64_t chunk;         /* number of the chunk */
	uint32_t stack[BLAKE3_LEVELS][8];
	size_t stack_n;
};
void blake3_init(struct blake3 *h);
void blake3_update(struct blake3 *h, const void *p, size_t n);
void blake3_final(const struct blake3 *h, uint8_t ret[BLAKE3_SIZE]);
