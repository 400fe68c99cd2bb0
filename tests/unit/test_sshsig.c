/* SPDX-License-Identifier: Apache-2.0 */
/* SSH signatures made here field by field, so that each can be wrong; and the armour around them.
 * What OpenSSH made is in test_sshsig_openssh.c. */
#include "crypto/sshsig.h"

#include "crypto/ecdsa.h"
#include "crypto/ed25519.h"
#include "crypto/sshwire.h"
#include "tests/unit/ssh_fixture.h"

#define NS  "promote@site.example"
#define MSG "what is signed\n"

static const char p256_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0G7ReakFupmO4RT7\n"
                               "vWgzIUhaHvL+mJ7+QsW5cJI4fSChRANCAASshfeDkSAFGV+aaysqElcsIwQwOZj7\n"
                               "tLjxXLabUcS2cbc+GvVJg1JThlLzYm5UnqMtpGqBQNam66Zj5p17Sqnr\n"
                               "-----END PRIVATE KEY-----\n";

/* The keys that sign, of both families. */
static struct {
	struct secret_key *ed25519;
	struct ecdsa_key *p256;
	uint8_t point[KEY_POINT_MAX];
} keys;

static void
keys_make(void)
{
	static const uint8_t seed[KEY_SEED_SIZE] = { 7 };
	uint8_t *der;
	size_t n;

	cr_assert_eq(crypto_init(), 0);
	keys.ed25519 = key_from_seed(seed);
	cr_assert(keys.ed25519 != NULL);
	cr_assert_eq(ecdsa_private_pem(p256_pem, sizeof p256_pem - 1, NULL, &keys.p256), 0);
	cr_assert_eq(ecdsa_spki_der(keys.p256, &der, &n), 0);
	cr_assert(n > sizeof keys.point);
	memcpy(keys.point, der + n - sizeof keys.point, sizeof keys.point);
	free(der);
}

static void
keys_free(void)
{
	key_free(keys.ed25519);
	ecdsa_free(keys.p256);
}

static bool
is_sk(enum key_kind kind)
{
	return kind == KEY_SK_ED25519 || kind == KEY_SK_ECDSA_P256;
}

static struct public_key
key_of(enum key_kind kind)
{
	struct public_key k = { .kind = (uint8_t)kind };

	if (kind == KEY_ED25519 || kind == KEY_SK_ED25519)
		memcpy(k.b, keys.ed25519->pub.b, KEY_PUBLIC_SIZE);
	else
		memcpy(k.b, keys.point, sizeof keys.point);
	if (is_sk(kind))
		memcpy(k.app, "ssh:", 5);
	return k;
}

struct bytes {
	uint8_t b[2 * SSHSIG_MAX];
	size_t n;
};

static void
add(struct bytes *b, const void *p, size_t n)
{
	cr_assert(n <= sizeof b->b - b->n);
	b->n = (size_t)(sshwire_put(b->b + b->n, p, n) - b->b);
}

static void
add_u32(struct bytes *b, uint32_t v)
{
	uint8_t p[4];

	(void)sshwire_put_u32(p, v);
	add(b, p, sizeof p);
}

static void
add_string(struct bytes *b, const void *p, size_t n)
{
	add_u32(b, (uint32_t)n);
	add(b, p, n);
}

static void
add_text(struct bytes *b, const char *text)
{
	add_string(b, text, strlen(text));
}

/* How the two numbers of an ECDSA signature are written. */
enum numbers {
	NUMBERS_RIGHT,
	NUMBERS_NOUGHT,
	NUMBERS_NOUGHT_BYTE,
	NUMBERS_NOUGHT_LAST,
	NUMBERS_NEGATIVE,
	NUMBERS_ZERO_BEFORE,
	NUMBERS_WIDE,
	NUMBERS_ONE,
	NUMBERS_THREE,
	NUMBERS_TAIL,
	NUMBERS_DER,
};

/* What a blob is made of; whatever is not said is as it should be. */
struct recipe {
	const char *why;
	int want;
	const char *magic, *signed_ns, *ns, *reserved, *hash, *signed_hash, *type, *sig_tail, *tail;
	size_t ns_n;
	uint32_t version;
	int longer; /* bytes of the Ed25519 signature, more or less */
	enum numbers numbers;
	bool no_flags, no_counter;
	uint8_t flags;
};

/* DER to two mpints, each written as said. */
static void
add_numbers(struct bytes *b, const uint8_t *der, enum numbers how)
{
	const uint8_t *r = der + 2;
	uint8_t wide[34] = { 0 };

	for (int i = 0; i < 2; i++, r += 2 + r[1]) {
		const uint8_t *p = r + 2;
		size_t n = r[1];

		if (i == 1 && how == NUMBERS_ONE)
			return;
		if (i == 0 && how == NUMBERS_NOUGHT) {
			add_text(b, "");
		} else if (i == 1 && how == NUMBERS_NOUGHT_LAST) {
			add_text(b, "");
		} else if (i == 0 && how == NUMBERS_NOUGHT_BYTE) {
			add_string(b, "", 1);
		} else if (i == 0 && how == NUMBERS_NEGATIVE) {
			add_string(b, "\x80", 1);
		} else if (i == 0 && how == NUMBERS_ZERO_BEFORE) {
			memcpy(wide + 1, p, n);
			add_string(b, wide, n + 1);
		} else if (i == 0 && how == NUMBERS_WIDE) {
			wide[0] = 1;
			add_string(b, wide, 33);
		} else {
			add_string(b, p, n);
		}
	}
	if (how == NUMBERS_THREE)
		add_string(b, "\1", 1);
	if (how == NUMBERS_TAIL)
		add(b, "", 1);
}

static void
add_ecdsa(struct bytes *b, const struct bytes *text, enum numbers how)
{
	struct bytes inner = { .n = 0 };
	uint8_t *der;
	size_t n;

	cr_assert_eq(ecdsa_sign(text->b, text->n, keys.p256, &der, &n), 0);
	if (how == NUMBERS_DER)
		add(&inner, der, n);
	else
		add_numbers(&inner, der, how);
	free(der);
	add_string(b, inner.b, inner.n);
}

static void
add_ed25519(struct bytes *b, const struct bytes *text, int longer)
{
	uint8_t raw[ED25519_SIG_SIZE + 1] = { 0 };

	cr_assert_eq(ed25519_sign(raw, text->b, text->n, keys.ed25519), 0);
	add_string(b, raw, (size_t)(ED25519_SIG_SIZE + longer));
}

/* The text that is signed; a security key's is around it. */
static void
make_text(const struct recipe *r, enum key_kind kind, uint8_t flags, struct bytes *ret)
{
	const char *const hash = r->signed_hash ? r->signed_hash : "sha512";
	uint8_t sum[crypto_hash_sha512_BYTES];
	struct bytes plain = { .n = 0 };

	add(&plain, "SSHSIG", 6);
	add_text(&plain, r->signed_ns ? r->signed_ns : NS);
	add_text(&plain, "");
	add_text(&plain, hash);
	if (strcmp(hash, "sha256") == 0) {
		crypto_hash_sha256(sum, (const uint8_t *)MSG, sizeof MSG - 1);
		add_string(&plain, sum, crypto_hash_sha256_BYTES);
	} else {
		crypto_hash_sha512(sum, (const uint8_t *)MSG, sizeof MSG - 1);
		add_string(&plain, sum, sizeof sum);
	}
	*ret = plain;
	if (!is_sk(kind))
		return;
	ret->n = 0;
	crypto_hash_sha256(sum, (const uint8_t *)"ssh:", 4);
	add(ret, sum, crypto_hash_sha256_BYTES);
	add(ret, &flags, 1);
	add_u32(ret, 0x01020304);
	crypto_hash_sha256(sum, plain.b, plain.n);
	add(ret, sum, crypto_hash_sha256_BYTES);
}

static void
make_signature(const struct recipe *r, enum key_kind kind, struct bytes *ret)
{
	const uint8_t flags = r->no_flags ? 0 : r->flags ? r->flags : SSHSIG_PRESENT;
	struct bytes text;

	make_text(r, kind, flags, &text);
	ret->n = 0;
	add_text(ret, r->type ? r->type : key_kind_name(kind));
	if (kind == KEY_ED25519 || kind == KEY_SK_ED25519)
		add_ed25519(ret, &text, r->longer);
	else
		add_ecdsa(ret, &text, r->numbers);
	if (is_sk(kind)) {
		add(ret, &flags, 1);
		if (!r->no_counter)
			add_u32(ret, 0x01020304);
	}
	if (r->sig_tail)
		add(ret, r->sig_tail, strlen(r->sig_tail));
}

static void
make_blob(const struct recipe *r, enum key_kind kind, struct bytes *ret)
{
	const struct public_key key = key_of(kind);
	const char *const ns = r->ns ? r->ns : NS;
	uint8_t wire[KEY_WIRE_MAX];
	struct bytes sig;
	size_t wire_n;

	ret->n = 0;
	add(ret, r->magic ? r->magic : "SSHSIG", 6);
	add_u32(ret, r->version ? r->version : 1);
	key_wire(&key, wire, &wire_n);
	add_string(ret, wire, wire_n);
	add_string(ret, ns, r->ns_n ? r->ns_n : strlen(ns));
	add_text(ret, r->reserved ? r->reserved : "");
	add_text(ret, r->hash ? r->hash : "sha512");
	make_signature(r, kind, &sig);
	add_string(ret, sig.b, sig.n);
	if (r->tail)
		add(ret, r->tail, strlen(r->tail));
}

static int
verify(const struct bytes *blob, const char *ns, const struct public_key *key,
       struct sshsig_info *info)
{
	uint8_t *exact = ssh_exact(blob->b, blob->n);
	const int rc = sshsig_verify(exact, blob->n, ns, MSG, sizeof MSG - 1, key, info);

	free(exact);
	return rc;
}

static void
expect_recipe(const struct recipe *r, enum key_kind kind)
{
	const struct public_key key = key_of(kind);
	struct sshsig_info info = { .flags = 0xee, .counter = 9 };
	struct public_key named;
	struct bytes blob;
	int rc;

	make_blob(r, kind, &blob);
	rc = verify(&blob, NS, &key, &info);
	cr_expect_eq(rc, r->want, "%s: %s: %d", key_kind_name(kind), r->why, rc);
	if (rc != 0) {
		cr_expect(info.flags == 0xee && info.counter == 9, "%s: info", r->why);
		return;
	}
	cr_expect_eq(info.flags, is_sk(kind) ? (r->flags ? r->flags : 1) : 0, "%s", r->why);
	cr_expect_eq(info.counter, is_sk(kind) ? 0x01020304 : 0, "%s", r->why);
	cr_expect_eq(verify(&blob, NS, &key, NULL), 0, "%s: no info wanted", r->why);
	cr_assert_eq(sshsig_key(blob.b, blob.n, &named), 0);
	cr_expect(memcmp(&named, &key, sizeof key) == 0, "%s", r->why);
}

Test(sshsig, envelope)
{
	static const struct recipe cases[] = {
		{ .why = "as it should be" },
		{ "the other hash", 0, .hash = "sha256", .signed_hash = "sha256" },
		{ "says another hash", SSHSIG_BAD, .hash = "sha256" },
		{ "another magic", SSHSIG_MALFORMED, .magic = "SSHSIg" },
		{ "version 2", SSHSIG_MALFORMED, .version = 2 },
		{ "version 2^24", SSHSIG_MALFORMED, .version = 1u << 24 },
		{ "another namespace", SSHSIG_NAMESPACE, .ns = "file", .signed_ns = "file" },
		{ "signed for another namespace", SSHSIG_BAD, .signed_ns = "file" },
		{ "says another namespace", SSHSIG_NAMESPACE, .ns = "file" },
		{ "no namespace", SSHSIG_MALFORMED, .ns = "", .signed_ns = "" },
		{ "the namespace's beginning", SSHSIG_NAMESPACE, .ns_n = sizeof NS - 2 },
		{ "a NUL behind the namespace", SSHSIG_NAMESPACE, .ns_n = sizeof NS },
		{ "something in reserved", SSHSIG_MALFORMED, .reserved = "x" },
		{ "a weak hash", SSHSIG_MALFORMED, .hash = "sha1", .signed_hash = "sha1" },
		{ "SHA-384", SSHSIG_MALFORMED, .hash = "sha384", .signed_hash = "sha384" },
		{ "a hash in capitals", SSHSIG_MALFORMED, .hash = "SHA512" },
		{ "no hash", SSHSIG_MALFORMED, .hash = "" },
		{ "another type", SSHSIG_MALFORMED, .type = "ssh-rsa" },
		{ "a type of the browser", SSHSIG_MALFORMED,
		  .type = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com" },
		{ "no type", SSHSIG_MALFORMED, .type = "" },
		{ "a byte behind the signature", SSHSIG_MALFORMED, .sig_tail = "x" },
		{ "a byte behind all", SSHSIG_MALFORMED, .tail = "x" },
	};

	keys_make();
	for (int kind = 0; kind < KEY_KINDS; kind++) {
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
			expect_recipe(&cases[i], (enum key_kind)kind);
	}
	keys_free();
}

Test(sshsig, security_keys)
{
	static const struct recipe cases[] = {
		{ "touched and verified", 0, .flags = SSHSIG_PRESENT | SSHSIG_VERIFIED },
		{ "not touched", SSHSIG_NOBODY, .no_flags = true },
		{ "verified but not touched", SSHSIG_NOBODY, .flags = SSHSIG_VERIFIED },
		{ "all but touched", SSHSIG_NOBODY, .flags = 0xfe },
		{ "no counter", SSHSIG_MALFORMED, .no_counter = true },
		{ "no counter, four bytes less one", SSHSIG_MALFORMED, .no_counter = true,
		  .sig_tail = "abc" },
		{ "another counter", SSHSIG_BAD, .no_counter = true, .sig_tail = "abcd" },
	};

	keys_make();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		expect_recipe(&cases[i], KEY_SK_ED25519);
		expect_recipe(&cases[i], KEY_SK_ECDSA_P256);
	}
	keys_free();
}

Test(sshsig, spelling_of_signatures)
{
	static const struct recipe ed25519[] = {
		{ "63 bytes", SSHSIG_MALFORMED, .longer = -1 },
		{ "65 bytes", SSHSIG_MALFORMED, .longer = 1 },
		{ "none", SSHSIG_MALFORMED, .longer = -ED25519_SIG_SIZE },
	};
	static const struct recipe ecdsa[] = {
		{ "nought", SSHSIG_MALFORMED, .numbers = NUMBERS_NOUGHT },
		{ "nought as a byte", SSHSIG_MALFORMED, .numbers = NUMBERS_NOUGHT_BYTE },
		{ "nought, and no byte behind it", SSHSIG_MALFORMED,
		  .numbers = NUMBERS_NOUGHT_LAST },
		{ "negative", SSHSIG_MALFORMED, .numbers = NUMBERS_NEGATIVE },
		{ "a zero before", SSHSIG_MALFORMED, .numbers = NUMBERS_ZERO_BEFORE },
		{ "more than 256 bits", SSHSIG_MALFORMED, .numbers = NUMBERS_WIDE },
		{ "one number", SSHSIG_MALFORMED, .numbers = NUMBERS_ONE },
		{ "three numbers", SSHSIG_MALFORMED, .numbers = NUMBERS_THREE },
		{ "a byte behind them", SSHSIG_MALFORMED, .numbers = NUMBERS_TAIL },
		{ "DER", SSHSIG_MALFORMED, .numbers = NUMBERS_DER },
	};

	keys_make();
	for (size_t i = 0; i < sizeof ed25519 / sizeof ed25519[0]; i++) {
		expect_recipe(&ed25519[i], KEY_ED25519);
		expect_recipe(&ed25519[i], KEY_SK_ED25519);
	}
	for (size_t i = 0; i < sizeof ecdsa / sizeof ecdsa[0]; i++) {
		expect_recipe(&ecdsa[i], KEY_ECDSA_P256);
		expect_recipe(&ecdsa[i], KEY_SK_ECDSA_P256);
	}
	keys_free();
}

/* A signature is good for one key: none of another kind over the same point, no other point and no
 * other application. */
Test(sshsig, other_keys)
{
	static const struct recipe right = { .why = "right" };

	keys_make();
	for (int kind = 0; kind < KEY_KINDS; kind++) {
		struct public_key key = key_of((enum key_kind)kind);
		struct bytes blob;

		make_blob(&right, (enum key_kind)kind, &blob);
		for (int other = 0; other < KEY_KINDS; other++) {
			const struct public_key k = key_of((enum key_kind)other);

			cr_expect_eq(verify(&blob, NS, &k, NULL), kind == other ? 0 : SSHSIG_KEY);
		}
		key.b[1] ^= 1;
		cr_expect_eq(verify(&blob, NS, &key, NULL), SSHSIG_KEY);
		key.b[1] ^= 1;
		if (is_sk((enum key_kind)kind)) {
			memcpy(key.app, "ssh:x", 6);
			cr_expect_eq(verify(&blob, NS, &key, NULL), SSHSIG_KEY);
			memset(key.app, 0, sizeof key.app);
			memcpy(key.app, "ssh:", 5);
		}
		/* and for one message and one namespace, which must be one */
		cr_expect_eq(verify(&blob, NS, &key, NULL), 0);
		cr_expect_eq(sshsig_verify(blob.b, blob.n, NS, MSG, sizeof MSG, &key, NULL),
		             SSHSIG_BAD);
		cr_expect_eq(sshsig_verify(blob.b, blob.n, NS, NULL, 0, &key, NULL), SSHSIG_BAD);
		cr_expect_eq(verify(&blob, "", &key, NULL), SSHSIG_NAMESPACE);
		cr_expect_eq(verify(&blob, NS "x", &key, NULL), SSHSIG_NAMESPACE);
	}
	keys_free();
}

/* The point of a blob and of the given key is not on the curve. */
Test(sshsig, no_point)
{
	static const struct recipe right = { .why = "right" };
	struct public_key key;
	struct bytes blob;
	uint8_t *at;

	keys_make();
	key = key_of(KEY_ECDSA_P256);
	make_blob(&right, KEY_ECDSA_P256, &blob);
	at = memmem(blob.b, blob.n, key.b, sizeof key.b);
	cr_assert(at != NULL);
	at[64] ^= 1;
	key.b[64] ^= 1;
	cr_expect_eq(verify(&blob, NS, &key, NULL), SSHSIG_BAD);
	keys_free();
}

Test(sshsig, every_byte)
{
	static const struct recipe right = { .why = "right" };
	static const uint8_t masks[] = { 0x01, 0x04, 0x80, 0xff };
	size_t tried = 0;

	keys_make();
	for (int kind = 0; kind < KEY_KINDS; kind++) {
		const struct public_key key = key_of((enum key_kind)kind);
		struct bytes blob;

		make_blob(&right, (enum key_kind)kind, &blob);
		for (size_t i = 0; i < 4 * blob.n; i++, tried++) {
			blob.b[i / 4] ^= masks[i % 4];
			cr_expect(verify(&blob, NS, &key, NULL) < 0, "%s: byte %zu ^ %02x",
			          key_kind_name((enum key_kind)kind), i / 4, masks[i % 4]);
			blob.b[i / 4] ^= masks[i % 4];
		}
		for (size_t whole = blob.n; blob.n > 0; tried++) {
			blob.n--;
			cr_expect_eq(verify(&blob, NS, &key, NULL), SSHSIG_MALFORMED,
			             "%zu of %zu bytes", blob.n, whole);
		}
	}
	fprintf(stderr, "sshsig: %zu mutations of four blobs refused\n", tried);
	keys_free();
}

/* Well made in every field, and longer than a blob may be by one byte. */
Test(sshsig, too_long)
{
	struct recipe r = { .why = "long" };
	struct public_key key, named;
	struct bytes blob;
	char ns[SSHSIG_MAX];
	size_t around;

	keys_make();
	key = key_of(KEY_ED25519);
	make_blob(&r, KEY_ED25519, &blob);
	around = blob.n - strlen(NS);
	memset(ns, 'n', sizeof ns);
	r.ns = r.signed_ns = ns;
	for (size_t size = SSHSIG_MAX; size <= SSHSIG_MAX + 1; size++) {
		const bool fits = size == SSHSIG_MAX;

		memset(ns, 'n', sizeof ns);
		ns[size - around] = '\0';
		make_blob(&r, KEY_ED25519, &blob);
		cr_assert_eq(blob.n, size);
		cr_expect_eq(verify(&blob, ns, &key, NULL), fits ? 0 : SSHSIG_MALFORMED);
		cr_expect_eq(sshsig_key(blob.b, blob.n, &named), fits ? 0 : -1);
	}
	keys_free();
}

Test(sshsig, made_here)
{
	const struct public_key *key;
	struct bytes blob = { .n = 0 };
	char ns[SSHSIG_MAX + 2];
	uint8_t *p = NULL, *text, big[SSHSIG_MAX + 1] = { 0 };
	size_t n = 0, i;

	keys_make();
	key = &keys.ed25519->pub;
	cr_assert_eq(sshsig_sign(keys.ed25519, NS, MSG, sizeof MSG - 1, &p, &n), 0);
	add(&blob, p, n);
	cr_expect_eq(verify(&blob, NS, key, NULL), 0);
	free(p);

	/* the same in two steps, as an agent does it */
	text = sshsig_signed_bytes(NS, MSG, sizeof MSG - 1, &n);
	cr_assert(text != NULL);
	cr_expect_eq(n, 6 + 4 + strlen(NS) + 4 + 4 + 6 + 4 + 64);
	free(text);

	/* nothing is signed for no namespace, and nothing is longer than may be read */
	cr_expect(sshsig_signed_bytes("", MSG, 1, &n) == NULL);
	p = NULL;
	cr_expect_eq(sshsig_sign(keys.ed25519, "", MSG, 1, &p, &n), -1);
	cr_expect_eq(sshsig_wrap(key, "", "x", 1, &p, &n), -1);
	cr_expect_eq(sshsig_wrap(key, NS, big, sizeof big, &p, &n), -1);
	cr_expect_eq(sshsig_wrap(key, NS, big, SIZE_MAX - 8, &p, &n), -1);
	memset(ns, 'n', sizeof ns - 1);
	ns[sizeof ns - 1] = '\0';
	cr_expect(sshsig_signed_bytes(ns, MSG, 1, &n) == NULL);
	cr_expect_eq(sshsig_wrap(key, ns, "x", 1, &p, &n), -1);
	for (i = SSHSIG_MAX; i > 0; i--) { /* the longest namespace that there can be */
		ns[i] = '\0';
		if (sshsig_sign(keys.ed25519, ns, MSG, sizeof MSG - 1, &p, &n) == 0)
			break;
		cr_expect(p == NULL);
	}
	cr_expect_eq(n, SSHSIG_MAX);
	blob.n = 0;
	add(&blob, p, n);
	cr_expect_eq(verify(&blob, ns, key, NULL), 0);
	add(&blob, "x", 1);
	cr_expect_eq(verify(&blob, ns, key, NULL), SSHSIG_MALFORMED);
	cr_expect(sshsig_armor(p, n) == NULL, "longer than armour may be");
	free(p);
	keys_free();
}
