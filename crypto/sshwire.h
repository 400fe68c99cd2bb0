/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SSH wire encoding (RFC 4251 5): numbers are big endian, a string is its length and its bytes.
 * The reader is bounded and copies nothing; the writer's caller has counted the bytes before.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is left to read. */
struct sshwire {
	const uint8_t *p;
	size_t n;
};

/* The next n bytes; each of these: -1, and nothing was taken, when there are not as many. */
static inline int
sshwire_take(struct sshwire *r, size_t n, const uint8_t **ret)
{
	if (n > r->n)
		return -1;
	*ret = r->p;
	r->p += n;
	r->n -= n;
	return 0;
}

static inline int
sshwire_take_u8(struct sshwire *r, uint8_t *ret)
{
	const uint8_t *p;

	if (sshwire_take(r, 1, &p) < 0)
		return -1;
	*ret = p[0];
	return 0;
}

static inline int
sshwire_take_u32(struct sshwire *r, uint32_t *ret)
{
	const uint8_t *p;

	if (sshwire_take(r, 4, &p) < 0)
		return -1;
	*ret = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return 0;
}

static inline int
sshwire_take_string(struct sshwire *r, const uint8_t **ret, size_t *ret_n)
{
	struct sshwire after = *r;
	uint32_t n;

	if (sshwire_take_u32(&after, &n) < 0 || sshwire_take(&after, n, ret) < 0)
		return -1;
	*ret_n = n;
	*r = after;
	return 0;
}

/* Is the string of n bytes at p this text? */
static inline int
sshwire_is(const uint8_t *p, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(p, text, n) == 0;
}

/* The writers return where the next one goes on. */
static inline uint8_t *
sshwire_put(uint8_t *at, const void *p, size_t n)
{
	if (n > 0)
		memcpy(at, p, n);
	return at + n;
}

static inline uint8_t *
sshwire_put_u32(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
	return at + 4;
}

static inline uint8_t *
sshwire_put_string(uint8_t *at, const void *p, size_t n)
{
	return sshwire_put(sshwire_put_u32(at, (uint32_t)n), p, n);
}
