/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by libcrypto, in a module that digest.c opens when the first stream is hashed, kept
 * apart so that a verb that hashes nothing never maps libcrypto.
 * It knows no paths and no policy; one context serves one thread.
 */
#include "crypto/hash_module.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static EVP_MD *sha256;

static int
start(void)
{
	OSSL_LIB_CTX *lib;

	/* A library context of our own: the default properties and providers that openssl.cnf sets
	 * for TLS cannot take SHA-256 away, and nothing here changes what TLS gets. */
	lib = OSSL_LIB_CTX_new();
	if (!lib)
		return -1;
	sha256 = EVP_MD_fetch(lib, "SHA256", NULL);
	if (!sha256) {
		OSSL_LIB_CTX_free(lib);
		return -1;
	}

	return 0;
}

static void *
ctx_new(void)
{
	return EVP_MD_CTX_new();
}

static void
ctx_free(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static int
begin(void *ctx)
{
	return EVP_DigestInit_ex2(ctx, sha256, NULL) == 1 ? 0 : -1;
}

static int
update(void *ctx, const void *p, size_t n)
{
	return EVP_DigestUpdate(ctx, p, n) == 1 ? 0 : -1;
}

static int
final(void *ctx, uint8_t ret[32])
{
	return EVP_DigestFinal_ex(ctx, ret, NULL) == 1 ? 0 : -1;
}

extern const struct hash_module slipway_hash_module;

__attribute__((visibility("default")))
const struct hash_module slipway_hash_module = {
	.head = { HASH_MODULE_VERSION, start },
	.ctx_new = ctx_new,
	.ctx_free = ctx_free,
	.begin = begin,
	.update = update,
	.final = final,
};
