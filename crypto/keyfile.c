/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret key as text. The lines have one order and one spelling, so a file is read by comparing
 * it with what would be written: whatever is missing, doubled, unknown or left over does not match.
 * All header bytes are associated data of the cipher. Knows no paths, prompts or permissions.
 */
#include "crypto/keyfile.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto/base64.h"

#define LINE_BEGIN "-----BEGIN SLIPWAY SIGNING KEY-----\n"
#define LINE_END   "-----END SLIPWAY SIGNING KEY-----\n"

#define SALT_SIZE  crypto_pwhash_argon2id_SALTBYTES
#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEALED_SIZE (KEY_SEED_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES)
#define BASE64_SIZE(n) sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL)

/* The body is one line: the sealed seed fills the 64 columns exactly, the clear one takes 44. */
_Static_assert(BASE64_SIZE(SEALED_SIZE) == 64 + 1, "a sealed seed is one full line");

/* A file taken apart; nothing in it is authenticated yet. */
struct parts {
	const char *header; /* the associated data: from the first header line to the empty line */
	size_t header_n;
	struct public_key pub;
	bool is_encrypted;
	struct keyfile_cost cost;
	uint8_t salt[SALT_SIZE], nonce[NONCE_SIZE];
	const char *body;
	size_t body_n;
};

/* What is left to read. */
struct cursor {
	const char *p;
	size_t n;
};

/* Kept in guarded memory. */
struct secrets {
	uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
	uint8_t seed[KEY_SEED_SIZE];
};

static int
take(struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	if (c->n < n || memcmp(c->p, text, n) != 0)
		return -1;
	c->p += n;
	c->n -= n;

	return 0;
}

/* "name: value\n"; the value is the rest of the line. */
static int
take_line(struct cursor *c, const char *name, const char **ret, size_t *ret_n)
{
	const char *end;

	if (take(c, name) < 0)
		return -1;
	end = c->n > 0 ? memchr(c->p, '\n', c->n) : NULL;
	if (!end)
		return -1;
	*ret = c->p;
	*ret_n = (size_t)(end - c->p);
	c->p = end + 1;
	c->n -= *ret_n + 1;

	return 0;
}

/* Decimal digits without a sign or a leading zero. */
static int
take_number(struct cursor *c, const char *name, unsigned long long *ret)
{
	const char *s;
	size_t n;
	unsigned long long v = 0;

	if (take_line(c, name, &s, &n) < 0 || n == 0 || n > 18 || s[0] == '0')
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	*ret = v;

	return 0;
}

static int
decode(const char *s, size_t n, uint8_t *ret, size_t size)
{
	size_t got;

	if (base64_read(ret, size, &got, s, n, NULL, sodium_base64_VARIANT_ORIGINAL) < 0)
		return -1;

	return got == size ? 0 : -1;
}

static int
take_base64(struct cursor *c, const char *name, uint8_t *ret, size_t size)
{
	const char *s;
	size_t n;

	if (take_line(c, name, &s, &n) < 0)
		return -1;

	return decode(s, n, ret, size);
}

static int
take_public(struct cursor *c, struct public_key *ret)
{
	char again[KEY_SSH_SIZE];
	const char *s;
	size_t n;

	if (take_line(c, "public: ", &s, &n) < 0 || key_parse_ssh(ret, s, n) < 0 ||
	    ret->kind != KEY_ED25519)
		return -1;
	key_ssh(ret, again); /* no comment, no other spelling */

	return n == strlen(again) && memcmp(s, again, n) == 0 ? 0 : -1;
}

static int
take_kdf(struct cursor *c, struct parts *ret)
{
	unsigned long long mem;

	if (take(c, "kdf: none\n") == 0)
		return 0;
	if (take(c, "kdf: argon2id13\n") < 0)
		return -1;
	ret->is_encrypted = true;
	if (take_number(c, "opslimit: ", &ret->cost.ops) < 0)
		return -1;
	if (take_number(c, "memlimit: ", &mem) < 0)
		return -1;
	ret->cost.mem = (size_t)mem;
	if (take_base64(c, "salt: ", ret->salt, sizeof ret->salt) < 0)
		return -1;
	if (take(c, "cipher: xchacha20poly1305\n") < 0)
		return -1;

	return take_base64(c, "nonce: ", ret->nonce, sizeof ret->nonce);
}

static int
check_cost(const struct keyfile_cost *cost)
{
	if (cost->ops < 1 || cost->ops > KEYFILE_OPS_MAX)
		return KEYFILE_BOUNDS;
	if (cost->mem < KEYFILE_MEM_MIN || cost->mem > KEYFILE_MEM_MAX)
		return KEYFILE_BOUNDS;

	return 0;
}

static int
parse(const char *text, size_t n, struct parts *ret)
{
	struct cursor c = { .p = text, .n = n };
	size_t body_n;

	memset(ret, 0, sizeof *ret);
	if (n > KEYFILE_MAX || take(&c, LINE_BEGIN) < 0)
		return KEYFILE_MALFORMED;
	ret->header = c.p;
	if (take(&c, "version: 1\n") < 0 || take_public(&c, &ret->pub) < 0 || take_kdf(&c, ret) < 0)
		return KEYFILE_MALFORMED;
	ret->header_n = (size_t)(c.p - ret->header);
	if (take_line(&c, "\n", &ret->body, &ret->body_n) < 0)
		return KEYFILE_MALFORMED;
	body_n = ret->is_encrypted ? BASE64_SIZE(SEALED_SIZE) : BASE64_SIZE(KEY_SEED_SIZE);
	if (ret->body_n != body_n - 1)
		return KEYFILE_MALFORMED;
	if (take(&c, LINE_END) < 0 || c.n > 0)
		return KEYFILE_MALFORMED;

	return ret->is_encrypted ? check_cost(&ret->cost) : KEYFILE_OK;
}

static int
derive(const char *passphrase, const struct keyfile_cost *cost, const uint8_t salt[SALT_SIZE],
       struct secrets *s)
{
	if (crypto_pwhash(s->key, sizeof s->key, passphrase, strlen(passphrase), salt, cost->ops,
	                  cost->mem, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return KEYFILE_MEMORY;

	return 0;
}

/* Puts the seed into s->seed. */
static int
open_body(const struct parts *f, const char *passphrase, struct secrets *s)
{
	uint8_t sealed[SEALED_SIZE];
	int rc;

	if (!f->is_encrypted) {
		rc = decode(f->body, f->body_n, s->seed, sizeof s->seed);
		return rc < 0 ? KEYFILE_MALFORMED : 0;
	}
	if (decode(f->body, f->body_n, sealed, sizeof sealed) < 0)
		return KEYFILE_MALFORMED;
	if (!passphrase)
		return KEYFILE_LOCKED;
	rc = derive(passphrase, &f->cost, f->salt, s);
	if (rc < 0)
		return rc;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		    s->seed, NULL, NULL, sealed, sizeof sealed, (const uint8_t *)f->header,
		    f->header_n, f->nonce, s->key) != 0)
		return KEYFILE_PASSPHRASE;

	return 0;
}

int
keyfile_read(const char *text, size_t n, const char *passphrase, struct secret_key **ret)
{
	struct parts f;
	struct secrets *s;
	struct secret_key *k;
	int rc;

	rc = parse(text, n, &f);
	if (rc < 0)
		return rc;
	s = sodium_malloc(sizeof *s);
	if (!s)
		return KEYFILE_MEMORY;
	rc = open_body(&f, passphrase, s);
	if (rc < 0) {
		sodium_free(s); /* zeroes it */
		return rc;
	}
	k = key_from_seed(s->seed);
	sodium_free(s);
	if (!k)
		return KEYFILE_MEMORY;
	/* without a cipher this is all that binds the two halves */
	if (sodium_memcmp(k->pub.b, f.pub.b, sizeof f.pub.b) != 0) {
		key_free(k);
		return KEYFILE_MALFORMED;
	}
	*ret = k;

	return KEYFILE_OK;
}

int
keyfile_public(const char *text, size_t n, struct public_key *ret, int *ret_is_encrypted)
{
	struct parts f;
	int rc;

	rc = parse(text, n, &f);
	if (rc < 0)
		return rc;
	*ret = f.pub;
	*ret_is_encrypted = f.is_encrypted;

	return KEYFILE_OK;
}

/* The file up to the body, in p; its length. f has what goes in. */
static size_t
write_head(const struct parts *f, char *p, size_t size)
{
	char ssh[KEY_SSH_SIZE], salt[BASE64_SIZE(SALT_SIZE)], nonce[BASE64_SIZE(NONCE_SIZE)];
	int n;

	key_ssh(&f->pub, ssh);
	if (!f->is_encrypted) {
		n = snprintf(p, size, LINE_BEGIN "version: 1\npublic: %s\nkdf: none\n", ssh);
		return (size_t)n;
	}
	sodium_bin2base64(salt, sizeof salt, f->salt, SALT_SIZE, sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(nonce, sizeof nonce, f->nonce, NONCE_SIZE,
	                  sodium_base64_VARIANT_ORIGINAL);
	n = snprintf(p, size,
	             LINE_BEGIN "version: 1\npublic: %s\nkdf: argon2id13\n"
	                        "opslimit: %llu\nmemlimit: %zu\nsalt: %s\n"
	                        "cipher: xchacha20poly1305\nnonce: %s\n",
	             ssh, f->cost.ops, f->cost.mem, salt, nonce);

	return (size_t)n;
}

/* Appends the empty line, the body and the last line to the n bytes of head in p. */
static int
write_body(const struct secret_key *k, const struct parts *f, const char *passphrase, char *p,
           size_t n, size_t size, size_t *ret_n)
{
	const size_t begin_n = sizeof LINE_BEGIN - 1;
	uint8_t sealed[SEALED_SIZE];
	struct secrets *s;
	int rc;

	p[n++] = '\n';
	if (f->is_encrypted) {
		s = sodium_malloc(sizeof *s);
		if (!s)
			return KEYFILE_MEMORY;
		rc = derive(passphrase, &f->cost, f->salt, s);
		if (rc == 0)
			crypto_aead_xchacha20poly1305_ietf_encrypt(
				sealed, NULL, k->seed, sizeof k->seed, (const uint8_t *)p + begin_n,
				n - 1 - begin_n, NULL, f->nonce, s->key);
		sodium_free(s);
		if (rc < 0)
			return rc;
		sodium_bin2base64(p + n, size - n, sealed, sizeof sealed,
		                  sodium_base64_VARIANT_ORIGINAL);
	} else {
		sodium_bin2base64(p + n, size - n, k->seed, sizeof k->seed,
		                  sodium_base64_VARIANT_ORIGINAL);
	}
	n += strlen(p + n);
	n += (size_t)snprintf(p + n, size - n, "\n" LINE_END);
	*ret_n = n;

	return 0;
}

int
keyfile_write(const struct secret_key *k, const char *passphrase,
              const struct keyfile_cost *cost, char **ret, size_t *ret_n)
{
	struct parts f = { .pub = k->pub, .is_encrypted = passphrase != NULL };
	size_t n;
	char *p;
	int rc;

	f.cost = cost ? *cost : (struct keyfile_cost){ KEYFILE_OPS_DEFAULT, KEYFILE_MEM_DEFAULT };
	if (f.is_encrypted && check_cost(&f.cost) < 0)
		return KEYFILE_BOUNDS;
	randombytes_buf(f.salt, sizeof f.salt);
	randombytes_buf(f.nonce, sizeof f.nonce);

	p = malloc(KEYFILE_MAX);
	if (!p)
		return KEYFILE_MEMORY;
	n = write_head(&f, p, KEYFILE_MAX);
	rc = write_body(k, &f, passphrase, p, n, KEYFILE_MAX, &n);
	if (rc < 0) {
		free(p); /* no secret in it yet: only the derivation fails */
		return rc;
	}
	*ret = p;
	*ret_n = n;

	return KEYFILE_OK;
}
