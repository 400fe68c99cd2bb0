/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ssh-keygen -Y sign writes and -Y verify reads, and stricter: whatever could be spelled in
 * two ways is refused in all but one, so that a blob cannot be changed and stay good. Which key may
 * sign what is somebody else's table; no allowed_signers, certificates or RSA here.
 */
#include "crypto/sshsig.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto/base64.h"
#include "crypto/ecdsa.h"
#include "crypto/ed25519.h"
#include "crypto/sshwire.h"

#define MAGIC   "SSHSIG"
#define MAGIC_N (sizeof MAGIC - 1)
#define VERSION 1
#define BEGIN   "-----BEGIN SSH SIGNATURE-----"
#define END     "-----END SSH SIGNATURE-----"
#define COLUMNS 70 /* as ssh-keygen writes */

#define HASH_MAX crypto_hash_sha512_BYTES
#define P256_MAX 32 /* bytes of a number below the order of P-256 */
/* SEQUENCE, two INTEGERs of at most 32 bytes and a zero: every length fits one byte */
#define DER_MAX (2 + 2 * (2 + 1 + P256_MAX))

_Static_assert(DER_MAX - 2 < 128, "short form of a DER length");

/* The two hashes there are; the first one is what we sign with. */
static const struct hash {
	const char *name;
	size_t n;
	int (*sum)(unsigned char *ret, const unsigned char *p, unsigned long long n);
} hashes[] = {
	{ "sha512", crypto_hash_sha512_BYTES, crypto_hash_sha512 },
	{ "sha256", crypto_hash_sha256_BYTES, crypto_hash_sha256 },
};

/* A blob taken apart; nothing in it is authenticated yet. */
struct parts {
	struct public_key key;
	const uint8_t *ns, *sig;
	size_t ns_n, sig_n;
	const struct hash *hash;
};

/* What is in its signature: 64 bytes of Ed25519, or two mpints of ECDSA. */
struct signature {
	const uint8_t *p;
	size_t n;
	struct sshsig_info info;
};

static int
is_security_key(const struct public_key *key)
{
	return key->kind == KEY_SK_ED25519 || key->kind == KEY_SK_ECDSA_P256;
}

static const struct hash *
hash_named(const uint8_t *name, size_t n)
{
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		if (sshwire_is(name, n, hashes[i].name))
			return &hashes[i];
	}
	return NULL;
}

static int
parse(const void *blob, size_t blob_n, struct parts *ret)
{
	struct sshwire r = { blob, blob_n };
	const uint8_t *magic, *key, *reserved, *hash;
	size_t key_n, reserved_n, hash_n;
	uint32_t version;

	if (blob_n > SSHSIG_MAX)
		return -1;
	if (sshwire_take(&r, MAGIC_N, &magic) < 0 || memcmp(magic, MAGIC, MAGIC_N) != 0)
		return -1;
	if (sshwire_take_u32(&r, &version) < 0 || version != VERSION)
		return -1;
	if (sshwire_take_string(&r, &key, &key_n) < 0 || key_parse_wire(&ret->key, key, key_n) < 0)
		return -1;
	if (sshwire_take_string(&r, &ret->ns, &ret->ns_n) < 0 || ret->ns_n == 0)
		return -1;
	/* not signed, so anybody could fill it */
	if (sshwire_take_string(&r, &reserved, &reserved_n) < 0 || reserved_n > 0)
		return -1;
	if (sshwire_take_string(&r, &hash, &hash_n) < 0)
		return -1;
	ret->hash = hash_named(hash, hash_n);
	if (!ret->hash)
		return -1;
	if (sshwire_take_string(&r, &ret->sig, &ret->sig_n) < 0)
		return -1;
	return r.n == 0 ? 0 : -1;
}

static int
parse_signature(const struct parts *blob, struct signature *ret)
{
	struct sshwire r = { blob->sig, blob->sig_n };
	const uint8_t *type;
	size_t type_n;

	if (sshwire_take_string(&r, &type, &type_n) < 0 ||
	    !sshwire_is(type, type_n, key_kind_name(blob->key.kind)))
		return -1;
	if (sshwire_take_string(&r, &ret->p, &ret->n) < 0)
		return -1;
	ret->info = (struct sshsig_info){ 0 };
	if (is_security_key(&blob->key) && (sshwire_take_u8(&r, &ret->info.flags) < 0 ||
	                                    sshwire_take_u32(&r, &ret->info.counter) < 0))
		return -1;
	return r.n == 0 ? 0 : -1;
}

int
sshsig_key(const void *blob, size_t blob_n, struct public_key *ret)
{
	struct parts parts;

	if (parse(blob, blob_n, &parts) < 0)
		return -1;
	*ret = parts.key;
	return 0;
}

/* A namespace that can be signed for; its length. */
static int
measure_namespace(const char *ns, size_t *ret_n)
{
	*ret_n = strnlen(ns, SSHSIG_MAX + 1);
	return *ret_n > 0 && *ret_n <= SSHSIG_MAX ? 0 : -1;
}

static uint8_t *
signed_bytes(const struct hash *hash, const char *ns, const void *msg, size_t msg_n, size_t *ret_n)
{
	const size_t name_n = strlen(hash->name);
	uint8_t sum[HASH_MAX], *p, *at;
	size_t ns_n;

	if (measure_namespace(ns, &ns_n) < 0)
		return NULL;
	p = malloc(MAGIC_N + 4 + ns_n + 4 + 4 + name_n + 4 + hash->n);
	if (!p)
		return NULL;
	hash->sum(sum, msg, msg_n);
	at = sshwire_put(p, MAGIC, MAGIC_N);
	at = sshwire_put_string(at, ns, ns_n);
	at = sshwire_put_string(at, NULL, 0);
	at = sshwire_put_string(at, hash->name, name_n);
	at = sshwire_put_string(at, sum, hash->n);
	*ret_n = (size_t)(at - p);
	return p;
}

uint8_t *
sshsig_signed_bytes(const char *ns, const void *msg, size_t msg_n, size_t *ret_n)
{
	return signed_bytes(&hashes[0], ns, msg, msg_n, ret_n);
}

int
sshsig_wrap(const struct public_key *key, const char *ns, const void *sig, size_t sig_n,
            uint8_t **ret, size_t *ret_n)
{
	const char *const hash = hashes[0].name;
	uint8_t wire[KEY_WIRE_MAX], *p, *at;
	size_t wire_n, ns_n, n;

	if (measure_namespace(ns, &ns_n) < 0 || sig_n > SSHSIG_MAX)
		return -1;
	key_wire(key, wire, &wire_n);
	n = MAGIC_N + 4 + 4 + wire_n + 4 + ns_n + 4 + 4 + strlen(hash) + 4 + sig_n;
	if (n > SSHSIG_MAX)
		return -1;
	p = malloc(n);
	if (!p)
		return -1;
	at = sshwire_put(p, MAGIC, MAGIC_N);
	at = sshwire_put_u32(at, VERSION);
	at = sshwire_put_string(at, wire, wire_n);
	at = sshwire_put_string(at, ns, ns_n);
	at = sshwire_put_string(at, NULL, 0);
	at = sshwire_put_string(at, hash, strlen(hash));
	(void)sshwire_put_string(at, sig, sig_n);
	*ret = p;
	*ret_n = n;
	return 0;
}

int
sshsig_sign(const struct secret_key *key, const char *ns, const void *msg, size_t msg_n,
            uint8_t **ret, size_t *ret_n)
{
	const char *const type = key_kind_name(KEY_ED25519);
	uint8_t raw[ED25519_SIG_SIZE], sig[4 + 32 + 4 + sizeof raw], *at, *text;
	size_t text_n;
	int rc;

	text = sshsig_signed_bytes(ns, msg, msg_n, &text_n);
	if (!text)
		return -1;
	rc = ed25519_sign(raw, text, text_n, key);
	free(text);
	if (rc < 0)
		return -1;
	at = sshwire_put_string(sig, type, strlen(type));
	at = sshwire_put_string(at, raw, sizeof raw);
	return sshsig_wrap(&key->pub, ns, sig, (size_t)(at - sig), ret, ret_n);
}

/* A positive number below 2^256 in its one spelling, which is also the content of a DER INTEGER. */
static int
take_number(struct sshwire *r, const uint8_t **ret, size_t *ret_n)
{
	const uint8_t *p;
	size_t n;

	if (sshwire_take_string(r, &p, &n) < 0 || n == 0)
		return -1;
	if (p[0] & 0x80) /* negative */
		return -1;
	if (p[0] == 0 && (n == 1 || !(p[1] & 0x80))) /* nought, or longer than it must be */
		return -1;
	if (n > P256_MAX + (p[0] == 0 ? 1u : 0u))
		return -1;
	*ret = p;
	*ret_n = n;
	return 0;
}

/* mpint r, mpint s, to SEQUENCE { INTEGER r, INTEGER s }. */
static int
mpints_to_der(const uint8_t *p, size_t n, uint8_t ret[DER_MAX], size_t *ret_n)
{
	struct sshwire in = { p, n };
	uint8_t *at = ret + 2;

	for (int i = 0; i < 2; i++) {
		const uint8_t *number;
		size_t number_n;

		if (take_number(&in, &number, &number_n) < 0)
			return -1;
		*at++ = 0x02;
		*at++ = (uint8_t)number_n;
		at = sshwire_put(at, number, number_n);
	}
	if (in.n > 0)
		return -1;
	*ret_n = (size_t)(at - ret);
	ret[0] = 0x30;
	ret[1] = (uint8_t)(*ret_n - 2);
	return 0;
}

static int
status_of(int rc)
{
	switch (rc) {
	case ECDSA_OK:
		return SSHSIG_OK;
	case ECDSA_MODULE:
	case ECDSA_MEMORY:
		return SSHSIG_UNCHECKED;
	default:
		return SSHSIG_BAD;
	}
}

static int
check_ecdsa(const struct signature *sig, const void *p, size_t n, const struct public_key *key)
{
	struct ecdsa_key *k = NULL;
	uint8_t der[DER_MAX];
	size_t der_n;
	int rc;

	if (mpints_to_der(sig->p, sig->n, der, &der_n) < 0)
		return SSHSIG_MALFORMED;
	rc = ecdsa_public_point(key->b, sizeof key->b, &k);
	if (rc == 0)
		rc = ecdsa_verify(der, der_n, p, n, k);
	ecdsa_free(k);
	return status_of(rc);
}

static int
check_signature(const struct signature *sig, const void *p, size_t n, const struct public_key *key)
{
	switch ((enum key_kind)key->kind) {
	case KEY_ED25519:
	case KEY_SK_ED25519:
		if (sig->n != ED25519_SIG_SIZE)
			return SSHSIG_MALFORMED;
		return ed25519_verify(sig->p, p, n, key) == 0 ? SSHSIG_OK : SSHSIG_BAD;
	case KEY_ECDSA_P256:
	case KEY_SK_ECDSA_P256:
		return check_ecdsa(sig, p, n, key);
	case KEY_KINDS:
		break;
	}
	return SSHSIG_BAD;
}

/* The same by a security key, which signs digests beside what it knows of its user. */
static int
check_security_key(const struct signature *sig, const void *text, size_t text_n,
                   const struct public_key *key)
{
	uint8_t p[2 * crypto_hash_sha256_BYTES + 1 + 4], *at = p;
	int rc;

	crypto_hash_sha256(at, (const uint8_t *)key->app, strlen(key->app));
	at += crypto_hash_sha256_BYTES;
	*at++ = sig->info.flags;
	at = sshwire_put_u32(at, sig->info.counter);
	crypto_hash_sha256(at, text, text_n);
	rc = check_signature(sig, p, sizeof p, key);
	if (rc == SSHSIG_OK && !(sig->info.flags & SSHSIG_PRESENT))
		return SSHSIG_NOBODY;
	return rc;
}

int
sshsig_verify(const void *blob, size_t blob_n, const char *ns, const void *msg, size_t msg_n,
              const struct public_key *key, struct sshsig_info *info)
{
	struct parts parts;
	struct signature sig;
	uint8_t *text;
	size_t text_n;
	int rc;

	if (parse(blob, blob_n, &parts) < 0 || parse_signature(&parts, &sig) < 0)
		return SSHSIG_MALFORMED;
	if (!sshwire_is(parts.ns, parts.ns_n, ns))
		return SSHSIG_NAMESPACE;
	if (memcmp(&parts.key, key, sizeof *key) != 0)
		return SSHSIG_KEY;
	text = signed_bytes(parts.hash, ns, msg, msg_n, &text_n);
	if (!text)
		return SSHSIG_UNCHECKED;
	if (is_security_key(key))
		rc = check_security_key(&sig, text, text_n, key);
	else
		rc = check_signature(&sig, text, text_n, key);
	free(text);
	if (rc == SSHSIG_OK && info)
		*info = sig.info;
	return rc;
}

/* The next line without its end, LF or CRLF; -1: there is no line end. */
static int
take_line(const char **p, size_t *n, const char **ret, size_t *ret_n)
{
	const char *const end = *n > 0 ? memchr(*p, '\n', *n) : NULL;

	if (!end)
		return -1;
	*ret = *p;
	*ret_n = (size_t)(end - *p);
	*n -= *ret_n + 1;
	*p = end + 1;
	if (*ret_n > 0 && (*ret)[*ret_n - 1] == '\r')
		--*ret_n;
	return 0;
}

static int
is_line(const char *line, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(line, text, n) == 0;
}

/* The digits between the first line and the last one, without line ends, into ret (n bytes). */
static int
armored_digits(const char *text, size_t n, char *ret, size_t *ret_n)
{
	const char *line;
	size_t line_n, got = 0;

	if (take_line(&text, &n, &line, &line_n) < 0 || !is_line(line, line_n, BEGIN))
		return -1;
	while (!(n >= sizeof END - 1 && memcmp(text, END, sizeof END - 1) == 0)) {
		if (take_line(&text, &n, &line, &line_n) < 0 || line_n == 0)
			return -1;
		memcpy(ret + got, line, line_n);
		got += line_n;
	}
	*ret_n = got;
	/* the last line may lack its end */
	n -= sizeof END - 1;
	text += sizeof END - 1;
	if (n == 0)
		return 0;
	return take_line(&text, &n, &line, &line_n) == 0 && line_n == 0 && n == 0 ? 0 : -1;
}

int
sshsig_dearmor(const char *text, size_t n, uint8_t **ret, size_t *ret_n)
{
	char digits[SSHSIG_MAX];
	size_t digits_n, got;
	uint8_t *p;

	if (n > SSHSIG_MAX || armored_digits(text, n, digits, &digits_n) < 0 || digits_n == 0)
		return -1;
	p = malloc(digits_n);
	if (!p)
		return -1;
	if (base64_read(p, digits_n, &got, digits, digits_n, NULL, sodium_base64_VARIANT_ORIGINAL) <
	    0) {
		free(p);
		return -1;
	}
	*ret = p;
	*ret_n = got;
	return 0;
}

char *
sshsig_armor(const void *blob, size_t n)
{
	char digits[SSHSIG_MAX], *text, *at;
	size_t digits_n, text_n;

	if (n > SSHSIG_MAX / 4 * 3 - 3) /* the digits would not fit */
		return NULL;
	sodium_bin2base64(digits, sizeof digits, blob, n, sodium_base64_VARIANT_ORIGINAL);
	digits_n = strlen(digits);
	text_n = sizeof BEGIN + digits_n + (digits_n + COLUMNS - 1) / COLUMNS + sizeof END;
	if (text_n > SSHSIG_MAX)
		return NULL;
	text = malloc(text_n + 1);
	if (!text)
		return NULL;
	at = (char *)sshwire_put((uint8_t *)text, BEGIN "\n", sizeof BEGIN);
	for (size_t i = 0; i < digits_n; i += COLUMNS) {
		const size_t line_n = digits_n - i < COLUMNS ? digits_n - i : COLUMNS;

		memcpy(at, digits + i, line_n);
		at += line_n;
		*at++ = '\n';
	}
	memcpy(at, END "\n", sizeof END + 1);
	return text;
}
