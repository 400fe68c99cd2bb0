/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one form that a bundle's tar has (POSIX.1-2017 pax, "ustar Interchange Format"): regular
 * files of mode 0444, owner 0, time 0, no folders, and for 8 GiB and more one extended header with
 * the size. A header is a function of name and size, so that a reader makes it again and compares
 * the bytes: a link, a device, a second spelling or a size that lies cannot be expressed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"

#define TAR_BLOCK      512u
#define TAR_HEADER_MAX (3 * TAR_BLOCK)
#define TAR_END        (2 * TAR_BLOCK)     /* two empty blocks */
#define TAR_SIZE_MAX   (UINT64_C(1) << 50) /* of a file */
#define TAR_NAME_SIZE  100

/* The header of a file; its length, a multiple of a block. name is at most 99 bytes of ASCII. */
size_t tar_header(const char *name, uint64_t size, uint8_t ret[TAR_HEADER_MAX]);
size_t tar_header_size(uint64_t size);
uint64_t tar_padded(uint64_t size); /* its bytes with what fills the last block */
uint64_t tar_room(uint64_t size);   /* header and padded bytes */
/* "blobs/sha256/<hex>" */
void tar_blob_name(const struct digest *d, char ret[TAR_NAME_SIZE]);
/* Name and size that a header's first block claims; whether it is just that header is for who makes
 * it again. n is TAR_HEADER_MAX. -1: nothing that this form can be. */
int tar_claim(const uint8_t *p, char ret_name[TAR_NAME_SIZE], uint64_t *ret_size);
