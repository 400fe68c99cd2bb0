/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are an SSH signature, its armour, and the wire form of a key. Seeds sign "fuzz\n" in
 * the namespace "file". */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "crypto/sshsig.h"

#define MSG "fuzz\n"

/* A key that no seed is by: what is good by it was made here. */
static const struct public_key *
stranger(void)
{
	static const uint8_t seed[KEY_SEED_SIZE] = { 1 };
	static struct secret_key *k;

	if (!k)
		k = key_from_seed(seed);
	PROMISE(k != NULL);
	return &k->pub;
}

static void
check_blob(const uint8_t *p, size_t n)
{
	struct sshsig_info info = { .flags = 0xee, .counter = 1 };
	struct public_key key;
	uint8_t wire[KEY_WIRE_MAX];
	size_t wire_n;
	int rc;

	rc = sshsig_verify(p, n, "file", MSG, sizeof MSG - 1, stranger(), &info);
	PROMISE(rc < 0 && info.flags == 0xee && info.counter == 1);
	if (sshsig_key(p, n, &key) < 0)
		return;
	PROMISE(n <= SSHSIG_MAX && key.kind < KEY_KINDS);
	key_wire(&key, wire, &wire_n);
	PROMISE(memmem(p, n, wire, wire_n) != NULL);
	rc = sshsig_verify(p, n, "file", MSG, sizeof MSG - 1, &key, &info);
	PROMISE(rc <= 0);
	if (rc < 0)
		PROMISE(info.flags == 0xee && info.counter == 1);
	else if (key.kind == KEY_SK_ED25519 || key.kind == KEY_SK_ECDSA_P256)
		PROMISE(info.flags & SSHSIG_PRESENT);
	else
		PROMISE(info.flags == 0 && info.counter == 0);
	PROMISE(rc != SSHSIG_OK || sshsig_verify(p, n, "file", "", 0, &key, NULL) < 0);
	PROMISE(sshsig_verify(p, n, "", MSG, sizeof MSG - 1, &key, NULL) < 0);
}

/* What is read as armour is written again and read as the same. */
static void
check_armor(const uint8_t *p, size_t n)
{
	uint8_t *blob = NULL, *again = NULL;
	size_t blob_n, again_n;
	char *text;

	if (sshsig_dearmor((const char *)p, n, &blob, &blob_n) < 0) {
		PROMISE(blob == NULL);
		return;
	}
	PROMISE(blob_n > 0);
	check_blob(blob, blob_n);
	text = sshsig_armor(blob, blob_n);
	if (text) {
		PROMISE(sshsig_dearmor(text, strlen(text), &again, &again_n) == 0);
		PROMISE(again_n == blob_n && memcmp(again, blob, blob_n) == 0);
	}
	free(text);
	free(again);
	free(blob);
}

/* A key has one wire form and one text. */
static void
check_wire(const uint8_t *p, size_t n)
{
	struct public_key key, again;
	char text[KEY_SSH_SIZE], id[KEY_ID_SIZE];
	uint8_t wire[KEY_WIRE_MAX];
	size_t wire_n;

	if (key_parse_wire(&key, p, n) < 0)
		return;
	key_wire(&key, wire, &wire_n);
	PROMISE(wire_n == n && memcmp(wire, p, n) == 0);
	key_ssh(&key, text);
	PROMISE(key_parse_ssh(&again, text, strlen(text)) == 0);
	PROMISE(memcmp(&again, &key, sizeof key) == 0);
	key_id(&key, id);
	PROMISE(strlen(id) == KEY_ID_SIZE - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	check_blob(p, n);
	check_armor(p, n);
	check_wire(p, n);
	return 0;
}
