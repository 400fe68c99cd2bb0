/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM in and out, and the way to the module that does the rest. A key's text ends with its one
 * block; roots are blocks with whatever text between them. Knows no ASN.1: DER is the module's.
 */
#include "crypto/ecdsa.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto/base64.h"
#include "crypto/ecdsa_module.h"

#define ROOTS_MAX       256
#define ROOTS_BYTES_MAX (1u << 20)
#define CHAIN_MAX       16
#define CERTIFICATE_MAX (64u << 10)
#define PEM_COLUMNS     64
#define P256_POINT      65
#define LABEL_MAX       64

static pthread_once_t module_once = PTHREAD_ONCE_INIT;
static const struct ecdsa_module *module;

static void
module_load(void)
{
	/* the head is the table's first member */
	module = (const void *)module_open(ECDSA_MODULE_SYMBOL, ECDSA_MODULE_VERSION);
}

static bool
has_module(void)
{
	pthread_once(&module_once, module_load);

	return module != NULL;
}

/* --- PEM --- */

static const char begin_mark[] = "-----BEGIN ", end_mark[] = "-----END ", dashes[] = "-----";

struct text {
	const char *p;
	size_t n;
};

static bool
starts_with(const struct text *t, const char *s)
{
	const size_t n = strlen(s);

	return t->n >= n && memcmp(t->p, s, n) == 0;
}

static void
skip(struct text *t, size_t n)
{
	t->p += n;
	t->n -= n;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_blank(struct text *t)
{
	while (t->n > 0 && is_blank(t->p[0]))
		skip(t, 1);
}

/* One line without its end, which it must have unless it is the last. */
static struct text
take_line(struct text *t)
{
	const char *end = t->n > 0 ? memchr(t->p, '\n', t->n) : NULL;
	struct text line = { t->p, end ? (size_t)(end - t->p) : t->n };

	skip(t, line.n + (end != NULL));
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;

	return line;
}

/* "-----BEGIN label-----" or the END of it. */
static bool
is_mark(const struct text *line, const char *mark, const char *label)
{
	struct text t = *line;

	if (!starts_with(&t, mark))
		return false;
	skip(&t, strlen(mark));
	if (!starts_with(&t, label))
		return false;
	skip(&t, strlen(label));

	return t.n == strlen(dashes) && starts_with(&t, dashes);
}

/* The block that *t begins with, when it has that label. *at must have room for its bytes; what was
 * there is in *ret then, and *at behind it. */
static int
take_block(struct text *t, const char *label, uint8_t **at, struct ecdsa_der *ret)
{
	struct text line = take_line(t), body = { t->p, 0 };
	size_t n;

	if (!is_mark(&line, begin_mark, label))
		return ECDSA_MALFORMED;
	while (!is_mark(&line, end_mark, label)) {
		if (t->n == 0)
			return ECDSA_MALFORMED;
		body.n = (size_t)(t->p - body.p);
		line = take_line(t);
	}
	/* headers ("Proc-Type:") have characters that are none of base64 */
	if (base64_read(*at, body.n, &n, body.p, body.n, "\r\n", sodium_base64_VARIANT_ORIGINAL) <
	            0 ||
	    n == 0)
		return ECDSA_MALFORMED;
	*ret = (struct ecdsa_der){ *at, n };
	*at += n;

	return ECDSA_OK;
}

/* The text is one block with nothing behind it; tools write a summary in front (RFC 7468 5.2). buf:
 * as many bytes as the text has. */
static int
one_block(const char *text, size_t n, const char *label, uint8_t *buf, struct ecdsa_der *ret)
{
	struct text t = { text, n };
	int rc;

	while (t.n > 0 && !starts_with(&t, begin_mark))
		(void)take_line(&t);
	rc = take_block(&t, label, &buf, ret);
	skip_blank(&t);

	return rc == ECDSA_OK && t.n > 0 ? ECDSA_MALFORMED : rc;
}

static char *
add_text(char *at, const char *s)
{
	const size_t n = strlen(s);

	memcpy(at, s, n);

	return at + n;
}

static int
write_public_pem(const uint8_t *der, size_t der_n, char **ret, size_t *ret_n)
{
	const size_t b64_size = sodium_base64_encoded_len(der_n, sodium_base64_VARIANT_ORIGINAL);
	char *b64 = malloc(b64_size), *text = malloc(2 * b64_size + 2 * LABEL_MAX), *at = text;

	if (!b64 || !text) {
		free(b64);
		free(text);
		return ECDSA_MEMORY;
	}
	sodium_bin2base64(b64, b64_size, der, der_n, sodium_base64_VARIANT_ORIGINAL);
	at = add_text(at, "-----BEGIN PUBLIC KEY-----\n");
	for (size_t i = 0, left = b64_size - 1; left > 0;) {
		const size_t n = left < PEM_COLUMNS ? left : PEM_COLUMNS;

		memcpy(at, b64 + i, n);
		at = add_text(at + n, "\n");
		i += n;
		left -= n;
	}
	at = add_text(at, "-----END PUBLIC KEY-----\n");
	*at = '\0';
	free(b64);
	*ret = text;
	*ret_n = (size_t)(at - text);

	return ECDSA_OK;
}

/* --- keys --- */

int
ecdsa_public_pem(const char *text, size_t n, struct ecdsa_key **ret)
{
	uint8_t buf[ECDSA_PEM_MAX];
	struct ecdsa_der der;
	int rc;

	if (n > ECDSA_PEM_MAX)
		return ECDSA_MALFORMED;
	rc = one_block(text, n, "PUBLIC KEY", buf, &der);
	if (rc != ECDSA_OK)
		return rc;
	if (!has_module())
		return ECDSA_MODULE;

	return module->public_key(&der, ret);
}

static const struct {
	const char *label;
	enum ecdsa_form form;
} forms[] = {
	{ "PRIVATE KEY", ECDSA_PKCS8 },
	{ "ENCRYPTED PRIVATE KEY", ECDSA_PKCS8_ENCRYPTED },
	{ "EC PRIVATE KEY", ECDSA_SEC1 },
};

/* buf: as in one_block, locked memory. */
static int
read_private(const char *text, size_t n, const char *passphrase, uint8_t *buf,
             struct ecdsa_key **ret)
{
	struct ecdsa_der der;

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (one_block(text, n, forms[i].label, buf, &der) != ECDSA_OK)
			continue;
		if (!has_module())
			return ECDSA_MODULE;
		return module->private_key(&der, forms[i].form, passphrase, ret);
	}

	return ECDSA_MALFORMED;
}

int
ecdsa_private_pem(const char *text, size_t n, const char *passphrase, struct ecdsa_key **ret)
{
	uint8_t *buf;
	int rc;

	if (n > ECDSA_PEM_MAX)
		return ECDSA_MALFORMED;
	buf = sodium_malloc(ECDSA_PEM_MAX);
	if (!buf)
		return ECDSA_MEMORY;
	rc = read_private(text, n, passphrase, buf, ret);
	sodium_free(buf);

	return rc;
}

int
ecdsa_public_point(const uint8_t *point, size_t n, struct ecdsa_key **ret)
{
	/* id-ecPublicKey, prime256v1, a bit string of 65 bytes (RFC 5480 2) */
	static const uint8_t head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
		                        0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
		                        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
	uint8_t spki[sizeof head + P256_POINT];
	const struct ecdsa_der der = { spki, sizeof spki };

	if (n != P256_POINT)
		return ECDSA_MALFORMED;
	if (!has_module())
		return ECDSA_MODULE;
	memcpy(spki, head, sizeof head);
	memcpy(spki + sizeof head, point, P256_POINT);

	return module->public_key(&der, ret);
}

/* buf: as many bytes as the text has. */
static int
read_roots(const char *text, size_t n, uint8_t *buf, struct ecdsa_der *ret, size_t *ret_n)
{
	struct text t = { text, n };
	size_t found = 0;

	while (t.n > 0) {
		int rc;

		if (!starts_with(&t, begin_mark)) {
			(void)take_line(&t);
			continue;
		}
		if (found == ROOTS_MAX)
			return ECDSA_MALFORMED;
		rc = take_block(&t, "CERTIFICATE", &buf, &ret[found]);
		if (rc != ECDSA_OK)
			return rc;
		found++;
	}
	*ret_n = found;

	return found > 0 ? ECDSA_OK : ECDSA_MALFORMED;
}

int
ecdsa_chain(const uint8_t *const *der, const size_t *der_n, size_t chain_n, const char *roots,
            size_t roots_n, int64_t at_s, struct ecdsa_key **ret)
{
	struct ecdsa_der chain[CHAIN_MAX], root[ROOTS_MAX];
	size_t root_n = 0;
	uint8_t *buf;
	int rc;

	if (chain_n == 0 || chain_n > CHAIN_MAX || roots_n > ROOTS_BYTES_MAX)
		return ECDSA_MALFORMED;
	for (size_t i = 0; i < chain_n; i++) {
		if (der_n[i] > CERTIFICATE_MAX)
			return ECDSA_MALFORMED;
		chain[i] = (struct ecdsa_der){ der[i], der_n[i] };
	}
	buf = malloc(roots_n + 1);
	if (!buf)
		return ECDSA_MEMORY;
	rc = read_roots(roots, roots_n, buf, root, &root_n);
	if (rc == ECDSA_OK)
		rc = has_module() ? module->chain_key(chain, chain_n, root, root_n, at_s, ret)
		                  : ECDSA_MODULE;
	free(buf);

	return rc;
}

void
ecdsa_free(struct ecdsa_key *k)
{
	if (k)
		module->free_key(k);
}

enum ecdsa_curve
ecdsa_curve_of(const struct ecdsa_key *k)
{
	return module->curve(k);
}

int
ecdsa_spki_der(const struct ecdsa_key *k, uint8_t **ret, size_t *ret_n)
{
	return module->spki(k, ret, ret_n);
}

int
ecdsa_spki_pem(const struct ecdsa_key *k, char **ret, size_t *ret_n)
{
	uint8_t *der;
	size_t n;
	int rc;

	rc = module->spki(k, &der, &n);
	if (rc != ECDSA_OK)
		return rc;
	rc = write_public_pem(der, n, ret, ret_n);
	free(der);

	return rc;
}

/* --- signatures --- */

int
ecdsa_verify(const void *sig, size_t sig_n, const void *p, size_t n, const struct ecdsa_key *k)
{
	const struct ecdsa_der der = { sig, sig_n };

	return module->verify(&der, p, n, k);
}

int
ecdsa_sign(const void *p, size_t n, const struct ecdsa_key *k, uint8_t **ret, size_t *ret_n)
{
	return module->sign(p, n, k, ret, ret_n);
}
