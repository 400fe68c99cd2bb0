/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 keys in memory and their public names. A name is derived from the SSH wire form of the
 * key, so ssh-keygen and we say the same. Knows no files; who a key belongs to is somebody else's
 * table.
 */
#include "crypto/key.h"

#include <string.h>

#include <sodium.h>

#define SSH_TYPE      "ssh-ed25519 " /* with the space after it */
#define SSH_TYPE_SIZE (sizeof SSH_TYPE - 1)
#define WIRE_SIZE     (4 + 11 + 4 + KEY_PUBLIC_SIZE)
#define WIRE_BASE64   68 /* 51 bytes: a whole number of groups, no padding */

static const uint8_t wire_head[WIRE_SIZE - KEY_PUBLIC_SIZE] = {
	0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5', '1', '9',
	0, 0, 0, KEY_PUBLIC_SIZE,
};

static void
wire_form(const struct public_key *k, uint8_t ret[WIRE_SIZE])
{
	memcpy(ret, wire_head, sizeof wire_head);
	memcpy(ret + sizeof wire_head, k->b, sizeof k->b);
}

struct secret_key *
key_generate(void)
{
	struct secret_key *k;

	k = sodium_malloc(sizeof *k);
	if (!k)
		return NULL;
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
	uint8_t wire[WIRE_SIZE], hash[crypto_hash_sha256_BYTES];

	wire_form(k, wire);
	crypto_hash_sha256(hash, wire, sizeof wire);
	memcpy(ret, prefix, sizeof prefix);
	sodium_bin2base64(ret + sizeof prefix - 1, KEY_ID_SIZE - (sizeof prefix - 1), hash,
	                  sizeof hash, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

void
key_ssh(const struct public_key *k, char ret[KEY_SSH_SIZE])
{
	uint8_t wire[WIRE_SIZE];

	wire_form(k, wire);
	memcpy(ret, SSH_TYPE, SSH_TYPE_SIZE);
	sodium_bin2base64(ret + SSH_TYPE_SIZE, KEY_SSH_SIZE - SSH_TYPE_SIZE, wire, sizeof wire,
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

int
key_parse_ssh(struct public_key *ret, const char *text, size_t n)
{
	const size_t key_size = SSH_TYPE_SIZE + WIRE_BASE64;
	uint8_t wire[WIRE_SIZE];
	size_t got;

	if (n < key_size || memcmp(text, SSH_TYPE, SSH_TYPE_SIZE) != 0)
		return -1;
	if (sodium_base642bin(wire, sizeof wire, text + SSH_TYPE_SIZE, WIRE_BASE64, NULL, &got,
	                      NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return -1;
	if (got != WIRE_SIZE || memcmp(wire, wire_head, sizeof wire_head) != 0)
		return -1;
	if (check_comment(text + key_size, n - key_size) < 0)
		return -1;
	memcpy(ret->b, wire + sizeof wire_head, sizeof ret->b);

	return 0;
}
