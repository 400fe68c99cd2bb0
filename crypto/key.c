/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in memory and their public names. A name is derived from the SSH wire form of the
 * key, so ssh-keygen and we say the same. Knows no files; who a key belongs to is somebody else's
 * table.
 */
#include "crypto/key.h"

#include <string.h>

#include <sodium.h>

#include "crypto/base64.h"
#include "crypto/sshwire.h"

#define ED25519_PUBLIC 32
#define P256_PUBLIC    65
#define P256_CURVE     "nistp256"

/* What each kind's wire form is made of: string type, [string curve], string point, [string
 * application]. */
static const struct {
	const char *type;
	const char *curve; /* NULL: none */
	size_t point_n;
	int has_app;
} kinds[KEY_KINDS] = {
	[KEY_ED25519] = { "ssh-ed25519", NULL, ED25519_PUBLIC, 0 },
	[KEY_SK_ED25519] = { "sk-ssh-ed25519@openssh.com", NULL, ED25519_PUBLIC, 1 },
	[KEY_ECDSA_P256] = { "ecdsa-sha2-nistp256", P256_CURVE, P256_PUBLIC, 0 },
	[KEY_SK_ECDSA_P256] = { "sk-ecdsa-sha2-nistp256@openssh.com", P256_CURVE, P256_PUBLIC, 1 },
};

const char *
key_kind_name(enum key_kind kind)
{
	return kinds[kind].type;
}

void
key_wire(const struct public_key *k, uint8_t ret[KEY_WIRE_MAX], size_t *ret_n)
{
	const char *const type = kinds[k->kind].type, *const curve = kinds[k->kind].curve;
	uint8_t *at = sshwire_put_string(ret, type, strlen(type));

	if (curve)
		at = sshwire_put_string(at, curve, strlen(curve));
	at = sshwire_put_string(at, k->b, kinds[k->kind].point_n);
	if (kinds[k->kind].has_app)
		at = sshwire_put_string(at, k->app, strlen(k->app));
	*ret_n = (size_t)(at - ret);
}

static int
take_point(struct sshwire *r, enum key_kind kind, struct public_key *ret)
{
	const uint8_t *p;
	size_t n;

	if (kinds[kind].curve) {
		if (sshwire_take_string(r, &p, &n) < 0 || !sshwire_is(p, n, kinds[kind].curve))
			return -1;
	}
	if (sshwire_take_string(r, &p, &n) < 0 || n != kinds[kind].point_n)
		return -1;
	if (kinds[kind].curve && p[0] != 4) /* uncompressed, as OpenSSH writes it */
		return -1;
	memcpy(ret->b, p, n);
	return 0;
}

int
key_parse_wire(struct public_key *ret, const void *bytes, size_t bytes_n)
{
	struct sshwire r = { bytes, bytes_n };
	struct public_key k = { 0 };
	const uint8_t *p;
	size_t n;

	if (sshwire_take_string(&r, &p, &n) < 0)
		return -1;
	while (k.kind < KEY_KINDS && !sshwire_is(p, n, kinds[k.kind].type))
		k.kind++;
	if (k.kind == KEY_KINDS || take_point(&r, k.kind, &k) < 0)
		return -1;
	if (kinds[k.kind].has_app) {
		if (sshwire_take_string(&r, &p, &n) < 0 || n >= sizeof k.app || memchr(p, 0, n))
			return -1;
		memcpy(k.app, p, n);
	}
	if (r.n > 0)
		return -1;
	*ret = k;
	return 0;
}

struct secret_key *
key_generate(void)
{
	struct secret_key *k;

	k = sodium_malloc(sizeof *k);
	if (!k)
		return NULL;
	memset(&k->pub, 0, sizeof k->pub);
	/* libsodium's secret key is the seed and then the public key, see ed25519.c */
	crypto_sign_ed25519_keypair(k->pub.b, (void *)k);

	return k;
}

struct secret_key *
key_from_seed(const uint8_t seed[KEY_SEED_SIZE])
{
	struct secret_key *k;

	k = sodium_malloc(sizeof *k);
	if (!k)
		return NULL;
	memset(&k->pub, 0, sizeof k->pub);
	crypto_sign_ed25519_seed_keypair(k->pub.b, (void *)k, seed);

	return k;
}

void
key_free(struct secret_key *k)
{
	sodium_free(k);
}

void
key_id(const struct public_key *k, char ret[KEY_ID_SIZE])
{
	static const char prefix[] = "SHA256:";
	uint8_t wire[KEY_WIRE_MAX], hash[crypto_hash_sha256_BYTES];
	size_t n;

	key_wire(k, wire, &n);
	crypto_hash_sha256(hash, wire, n);
	memcpy(ret, prefix, sizeof prefix);
	sodium_bin2base64(ret + sizeof prefix - 1, KEY_ID_SIZE - (sizeof prefix - 1), hash,
	                  sizeof hash, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

void
key_ssh(const struct public_key *k, char ret[KEY_SSH_SIZE])
{
	const size_t type_n = strlen(kinds[k->kind].type);
	uint8_t wire[KEY_WIRE_MAX];
	size_t n;

	key_wire(k, wire, &n);
	memcpy(ret, kinds[k->kind].type, type_n);
	ret[type_n] = ' ';
	sodium_bin2base64(ret + type_n + 1, KEY_SSH_SIZE - type_n - 1, wire, n,
	                  sodium_base64_VARIANT_ORIGINAL);
}

/* What may follow the key on its line: nothing, or a blank and a comment, and one line end. */
static int
check_comment(const char *p, size_t n)
{
	if (n > 0 && p[n - 1] == '\n')
		n--;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n == 0)
		return 0;
	if (p[0] != ' ' && p[0] != '\t')
		return -1;
	/* a second line could be a second key, silently dropped */
	if (memchr(p, '\n', n) || memchr(p, '\0', n))
		return -1;

	return 0;
}

/* Where the blank space or the end behind a word is. */
static const char *
word_end(const char *p, const char *end)
{
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
		p++;

	return p;
}

/* The type in front must be the one inside: otherwise a line could say two things. */
int
key_parse_ssh(struct public_key *ret, const char *text, size_t n)
{
	const char *const space = memchr(text, ' ', n);
	uint8_t wire[KEY_WIRE_MAX];
	struct public_key k;
	const char *end;
	size_t got, type_n;

	if (!space)
		return -1;
	type_n = (size_t)(space - text);
	end = word_end(space + 1, text + n);
	if (base64_read(wire, sizeof wire, &got, space + 1, (size_t)(end - space) - 1, NULL,
	                sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    key_parse_wire(&k, wire, got) < 0)
		return -1;
	if (type_n != strlen(kinds[k.kind].type) || memcmp(text, kinds[k.kind].type, type_n) != 0)
		return -1;
	if (check_comment(end, n - (size_t)(end - text)) < 0)
		return -1;
	*ret = k;

	return 0;
}
