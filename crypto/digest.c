/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256, by libsodium for small things and by the module slipway-hash.so for streams. The module
 * is looked for once in a process, by whichever thread asks first; without it libsodium gives the
 * same digests at a quarter of the speed.
 */
#include "crypto/digest.h"

#include <pthread.h>
#include <stdlib.h>

#include <sodium.h>

#include "crypto/hash_module.h"
#include "crypto/module.h"

struct hasher {
	const struct hash_module *module; /* NULL: libsodium */
	void *ctx;                        /* the module's */
	crypto_hash_sha256_state state;   /* libsodium's */
};

static const char hex_digits[] = "0123456789abcdef";

static pthread_once_t module_once = PTHREAD_ONCE_INIT;
static const struct hash_module *module;

_Static_assert(DIGEST_SIZE == crypto_hash_sha256_BYTES, "a digest is SHA-256");

static void
module_load(void)
{
	/* the head is the table's first member */
	module = (const void *)module_open(HASH_MODULE_SYMBOL, HASH_MODULE_VERSION);
}

/* libcrypto fails here only if its memory is corrupt, and a wrong digest is worse than a stop. */
static void
must(int rc)
{
	if (rc < 0)
		abort();
}

int
crypto_init(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

void
digest_small(const void *p, size_t n, struct digest *ret)
{
	crypto_hash_sha256(ret->b, p, n);
}

struct hasher *
hasher_new(void)
{
	struct hasher *h;

	pthread_once(&module_once, module_load);
	h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->module = module;
	if (h->module) {
		h->ctx = h->module->ctx_new();
		if (!h->ctx || h->module->begin(h->ctx) < 0) {
			hasher_free(h);
			return NULL;
		}
	} else {
		crypto_hash_sha256_init(&h->state);
	}

	return h;
}

void
hasher_reset(struct hasher *h)
{
	if (h->module)
		must(h->module->begin(h->ctx));
	else
		crypto_hash_sha256_init(&h->state);
}

void
hasher_update(struct hasher *h, const void *p, size_t n)
{
	if (n == 0)
		return; /* p may be NULL then */
	if (h->module)
		must(h->module->update(h->ctx, p, n));
	else
		crypto_hash_sha256_update(&h->state, p, n);
}

void
hasher_final(struct hasher *h, struct digest *ret)
{
	if (h->module)
		must(h->module->final(h->ctx, ret->b));
	else
		crypto_hash_sha256_final(&h->state, ret->b);
}

void
hasher_free(struct hasher *h)
{
	if (!h)
		return;
	if (h->module)
		h->module->ctx_free(h->ctx);
	free(h);
}

bool
hasher_is_accelerated(void)
{
	pthread_once(&module_once, module_load);

	return module != NULL;
}

void
digest_hex(const struct digest *d, char ret[DIGEST_HEX_SIZE])
{
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		ret[2 * i] = hex_digits[d->b[i] >> 4];
		ret[2 * i + 1] = hex_digits[d->b[i] & 15];
	}
	ret[DIGEST_HEX_SIZE - 1] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;

	return -1;
}

int
digest_parse(struct digest *ret, const char *hex, size_t n)
{
	struct digest d;

	if (n != DIGEST_HEX_SIZE - 1)
		return -1;
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		int high = hex_value(hex[2 * i]);
		int low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		d.b[i] = (uint8_t)(high << 4 | low);
	}
	*ret = d;

	return 0;
}

bool
digest_eq(const struct digest *a, const struct digest *b)
{
	return sodium_memcmp(a->b, b->b, DIGEST_SIZE) == 0;
}

bool
digest_is_zero(const struct digest *d)
{
	return sodium_is_zero(d->b, DIGEST_SIZE) == 1;
}
