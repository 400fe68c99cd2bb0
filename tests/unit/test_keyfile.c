/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: what is written is read, and nothing else is. All at the least cost there may be. */
#include "crypto/keyfile.h"

#include "tests/unit/crypto_vectors.h"

static const struct keyfile_cost least = { .ops = 1, .mem = KEYFILE_MEM_MIN };

/* Files of this version have to be read for ever. */
#define PUBLIC "public: ssh-ed25519 " \
	"AAAAC3NzaC1lZDI1NTE5AAAAIMkDROaMlSMLxWpwzwNXWpReanCX0gwEx5gNbO0DoH+L\n"
#define OTHER  "public: ssh-ed25519 " \
	"AAAAC3NzaC1lZDI1NTE5AAAAIAbWEDBK2CiOt32wbSz94Lz8Qh3iEUfIf8kuoSECjSNs\n"
#define BEGIN  "-----BEGIN SLIPWAY SIGNING KEY-----\n"
#define END    "-----END SLIPWAY SIGNING KEY-----\n"
#define CLEAR  "OTVa/inyQiIFAK6+alB4rCeh3dLe6C7skxh7UnXdufM=\n"

static const char plain[] = BEGIN "version: 1\n" PUBLIC "kdf: none\n\n" CLEAR END;
static const char sealed[] =
	BEGIN "version: 1\n" PUBLIC
	"kdf: argon2id13\n" "opslimit: 1\n" "memlimit: 67108864\n"
	"salt: XC5HhYoPRw+XZfWiLBlJiA==\n"
	"cipher: xchacha20poly1305\n"
	"nonce: hXmcbuillz2ZPN7F1AZRhqIjvhJftvpe\n"
	"\n"
	"5KGkKkPbx5z7mt7KJXogu+NDFkHHHttzoDmoyKz8vstSDtSMsdW1hbkOoqpz9gYQ\n"
	END;
static const char seed_hex[] = "39355afe29f242220500aebe6a5078ac27a1ddd2dee82eec93187b5275ddb9f3";
static const char passphrase[] = "correct horse \xc3\xa4";

/* A copy of text with its first `from` replaced. */
static char *
replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	size_t to_n = strlen(to), head_n;
	char *p = malloc(strlen(text) + to_n + 1);

	cr_assert(at != NULL, "no \"%s\"", from);
	cr_assert(p != NULL);
	head_n = (size_t)(at - text);
	at += strlen(from);
	memcpy(p, text, head_n);
	memcpy(p + head_n, to, to_n);
	memcpy(p + head_n + to_n, at, strlen(at) + 1);

	return p;
}

static void
expect_read(const char *text, size_t n, const char *pass, int want, const char *what)
{
	struct secret_key *k = NULL;
	uint8_t seed[KEY_SEED_SIZE];
	int rc = keyfile_read(text, n, pass, &k);

	cr_expect_eq(rc, want, "%s: %d", what, rc);
	cr_expect_eq(k != NULL, rc == 0, "%s: *ret", what);
	if (k) {
		unhex(seed_hex, seed, sizeof seed);
		cr_expect(memcmp(k->seed, seed, sizeof seed) == 0, "%s: seed", what);
	}
	key_free(k);
}

Test(keyfile, written_and_read)
{
	static const struct {
		const char *pass, *try;
		int rc;
	} cases[] = {
		{ NULL, NULL, 0 },
		{ NULL, "not needed", 0 },
		{ passphrase, passphrase, 0 },
		{ passphrase, NULL, KEYFILE_LOCKED },
		{ passphrase, "correct horse a", KEYFILE_PASSPHRASE },
		{ passphrase, "", KEYFILE_PASSPHRASE },
		{ "", "", 0 },
	};
	uint8_t seed[KEY_SEED_SIZE];
	struct secret_key *k;

	cr_assert_eq(crypto_init(), 0);
	unhex(seed_hex, seed, sizeof seed);
	k = key_from_seed(seed);
	cr_assert(k != NULL);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct public_key pub;
		int is_encrypted = -1;
		char what[32], *text = NULL;
		size_t n = 0;

		snprintf(what, sizeof what, "case %zu", i);
		cr_assert_eq(keyfile_write(k, cases[i].pass, &least, &text, &n), 0);
		cr_expect_eq(n, strlen(text));
		expect_read(text, n, cases[i].try, cases[i].rc, what);
		cr_assert_eq(keyfile_public(text, n, &pub, &is_encrypted), 0);
		cr_expect(memcmp(&pub, &k->pub, sizeof pub) == 0, "%s", what);
		cr_expect_eq(is_encrypted, cases[i].pass != NULL, "%s", what);
		if (!cases[i].pass)
			cr_expect_str_eq(text, plain);
		free(text);
	}
	key_free(k);
}

Test(keyfile, cost_of_writing)
{
	static const struct keyfile_cost bad[] = {
		{ 0, KEYFILE_MEM_MIN },
		{ KEYFILE_OPS_MAX + 1, KEYFILE_MEM_MIN },
		{ 1, KEYFILE_MEM_MIN - 1 },
		{ 1, (size_t)KEYFILE_MEM_MAX + 1 },
	};
	struct secret_key *k;
	char *text = NULL, *again = NULL;
	size_t n = 0;

	cr_assert_eq(crypto_init(), 0);
	k = key_generate();
	cr_assert(k != NULL);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		cr_expect_eq(keyfile_write(k, "x", &bad[i], &text, &n), KEYFILE_BOUNDS, "%zu", i);
		cr_expect(text == NULL);
	}
	/* the defaults are what is said, and no two files share salt or nonce */
	cr_assert_eq(keyfile_write(k, "x", NULL, &text, &n), 0);
	cr_assert_eq(keyfile_write(k, "x", NULL, &again, &n), 0);
	cr_expect(strstr(text, "\nopslimit: 3\nmemlimit: 268435456\n") != NULL);
	cr_expect(strncmp(strstr(text, "salt:"), strstr(again, "salt:"), 32) != 0);
	cr_expect(strncmp(strstr(text, "nonce:"), strstr(again, "nonce:"), 40) != 0);
	free(text);
	free(again);
	key_free(k);
}

/* No byte of a file can be another one, none can be missing and none can be more. */
Test(keyfile, every_byte)
{
	const char *const texts[] = { plain, sealed };
	char b[KEYFILE_MAX];

	cr_assert_eq(crypto_init(), 0);
	for (size_t t = 0; t < 2; t++) {
		size_t n = strlen(texts[t]);

		for (size_t i = 0; i < n; i++) {
			struct secret_key *k = NULL;
			int rc;

			memcpy(b, texts[t], n);
			b[i] ^= 1;
			/* without a passphrase nothing is derived: what is left is the grammar */
			rc = keyfile_read(b, n, NULL, &k);
			cr_expect(rc < 0 && k == NULL, "text %zu, byte %zu", t, i);
			if (t == 0)
				cr_expect_eq(rc, KEYFILE_MALFORMED, "byte %zu", i);
			expect_read(texts[t], i, NULL, KEYFILE_MALFORMED, "cut short");
		}
		memcpy(b, texts[t], n + 1);
		expect_read(b, n + 1, NULL, KEYFILE_MALFORMED, "a NUL more");
	}
}

Test(keyfile, altered)
{
	static const struct {
		const char *text, *from, *to;
		int rc;
	} cases[] = {
		/* as they are */
		{ sealed, "", "", 0 },
		{ plain, "", "", 0 },
		/* the grammar */
		{ plain, "version: 1", "version: 2", KEYFILE_MALFORMED },
		{ plain, "version: 1\n", "version: 1\nversion: 1\n", KEYFILE_MALFORMED },
		{ plain, "version: 1\n", "", KEYFILE_MALFORMED },
		{ plain, "version: 1\n", "version: 1\r\n", KEYFILE_MALFORMED },
		{ plain, "kdf: none\n", "kdf: none\ncomment: x\n", KEYFILE_MALFORMED },
		{ plain, "kdf: none\n", "kdf: none \n", KEYFILE_MALFORMED },
		{ plain, "kdf: none\n", "kdf: scrypt\n", KEYFILE_MALFORMED },
		{ plain, "\n\n", "\n", KEYFILE_MALFORMED },
		{ plain, "DoH+L\n", "DoH+L ana\n", KEYFILE_MALFORMED },
		{ plain, PUBLIC, PUBLIC PUBLIC, KEYFILE_MALFORMED },
		{ plain, PUBLIC, "", KEYFILE_MALFORMED },
		{ plain, END, END "\n", KEYFILE_MALFORMED },
		{ plain, END, END BEGIN, KEYFILE_MALFORMED },
		{ plain, BEGIN, "\n" BEGIN, KEYFILE_MALFORMED },
		{ plain, "dufM=\n", "dufM\n", KEYFILE_MALFORMED },
		{ plain, "dufM=\n", "dufN=\n", KEYFILE_MALFORMED }, /* stray bits */
		{ sealed, "cipher: xchacha20poly1305\n", "", KEYFILE_MALFORMED },
		{ sealed, "cipher: xchacha", "cipher: none\ncipher: xchacha", KEYFILE_MALFORMED },
		{ sealed, "kdf: argon2id13\n", "kdf: none\n", KEYFILE_MALFORMED },
		{ sealed, "opslimit: 1\n", "opslimit: 01\n", KEYFILE_MALFORMED },
		{ sealed, "opslimit: 1\n", "opslimit: +1\n", KEYFILE_MALFORMED },
		{ sealed, "opslimit: 1\n", "opslimit: \n", KEYFILE_MALFORMED },
		{ sealed, "opslimit: 1\n", "opslimit: 18446744073709551617\n", KEYFILE_MALFORMED },
		{ sealed, "memlimit: 67108864\n", "memlimit: 0x4000000\n", KEYFILE_MALFORMED },
		/* bounds, before any work */
		{ sealed, "opslimit: 1\n", "opslimit: 11\n", KEYFILE_BOUNDS },
		{ sealed, "memlimit: 67108864\n", "memlimit: 67108863\n", KEYFILE_BOUNDS },
		{ sealed, "memlimit: 67108864\n", "memlimit: 2147483649\n", KEYFILE_BOUNDS },
		{ sealed, "memlimit: 67108864\n", "memlimit: 99999999999999999\n", KEYFILE_BOUNDS },
		/* the seal holds the header as well as the body */
		{ sealed, "opslimit: 1\n", "opslimit: 2\n", KEYFILE_PASSPHRASE },
		{ sealed, "memlimit: 67108864\n", "memlimit: 67108865\n", KEYFILE_PASSPHRASE },
		{ sealed, PUBLIC, OTHER, KEYFILE_PASSPHRASE },
		{ sealed, "salt: ", NULL, KEYFILE_PASSPHRASE },
		{ sealed, "nonce: ", NULL, KEYFILE_PASSPHRASE },
		{ sealed, "\n\n", NULL, KEYFILE_PASSPHRASE },
		/* without a seal the two halves still have to belong together */
		{ plain, PUBLIC, OTHER, KEYFILE_MALFORMED },
		{ plain, "\n\n", NULL, KEYFILE_MALFORMED },
	};

	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char what[64], *text;

		snprintf(what, sizeof what, "case %zu", i);
		if (cases[i].to) {
			text = replaced(cases[i].text, cases[i].from, cases[i].to);
		} else { /* another first digit of the base64 after it */
			char *at;

			text = strdup(cases[i].text);
			at = strstr(text, cases[i].from) + strlen(cases[i].from);
			*at = *at == 'A' ? 'B' : 'A';
		}
		expect_read(text, strlen(text), passphrase, cases[i].rc, what);
		free(text);
	}
}

/* The cipher is the published one. */
Test(keyfile, wycheproof_xchacha20poly1305)
{
	json_t *j = vector_json("wycheproof/xchacha20_poly1305_test.json"), *group, *t;
	size_t i, k, count = 0;

	cr_assert_eq(crypto_init(), 0);
	json_array_foreach (json_object_get(j, "testGroups"), i, group) {
		json_array_foreach (json_object_get(group, "tests"), k, t) {
			uint8_t key[64], iv[64], aad[1024], ct[2048], msg[2048], want[2048];
			size_t iv_n = unhex(vector_text(t, "iv"), iv, sizeof iv);
			size_t aad_n = unhex(vector_text(t, "aad"), aad, sizeof aad);
			size_t ct_n = unhex(vector_text(t, "ct"), ct, sizeof ct);
			size_t want_n = unhex(vector_text(t, "msg"), want, sizeof want);
			bool is_valid = strcmp(vector_text(t, "result"), "valid") == 0;
			unsigned long long n = 0;
			int rc;

			count++;
			ct_n += unhex(vector_text(t, "tag"), ct + ct_n, sizeof ct - ct_n);
			cr_assert_eq(unhex(vector_text(t, "key"), key, sizeof key), 32);
			if (iv_n != crypto_aead_xchacha20poly1305_ietf_NPUBBYTES) {
				cr_expect(!is_valid); /* a nonce has a fixed size with us */
				continue;
			}
			rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
				msg, &n, NULL, ct, ct_n, aad, aad_n, iv, key);
			cr_expect_eq(rc == 0, is_valid, "tcId %d", (int)vector_number(t, "tcId"));
			if (rc == 0)
				cr_expect(n == want_n && memcmp(msg, want, want_n) == 0);
		}
	}
	cr_expect_eq(count, vector_number(j, "numberOfTests"));
	vector_count("Wycheproof XChaCha20-Poly1305", count);
	json_decref(j);
}
