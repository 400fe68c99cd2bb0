/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648) read in its one spelling: padding as it should be, no stray bits. Use it in
 * place of sodium_base642bin, which takes a byte above 7F for "/" or "_" (1.0.18) and a NUL for
 * one of the characters to ignore.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* variant: sodium_base64_VARIANT_...; ignore: characters to skip, or NULL. 0; -1: malformed, or
 * more than size bytes. */
int base64_read(uint8_t *ret, size_t size, size_t *ret_n, const char *text, size_t n,
                const char *ignore, int variant);
