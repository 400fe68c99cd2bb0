/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA and X.509 by libcrypto, in the module that ecdsa.c opens on first use. Every DER object is
 * read by OpenSSL and must be used up to its last byte; a chain is judged against the given roots
 * alone. Knows no PEM, no files and no store of the system. Leaves no error in OpenSSL's queue,
 * which libcurl shares in the agent.
 */
#include "crypto/ecdsa_module.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CHAIN_DEPTH    8        /* certificates between the leaf and its root */
#define SECURITY_LEVEL 2        /* 112 bits: no SHA-1, no RSA below 2048 */
#define KDF_ROUNDS_MAX 10000000 /* of PBKDF2, about five seconds */

struct ecdsa_key {
	EVP_PKEY *pkey;
	enum ecdsa_curve curve;
	bool is_secret;
};

static const struct {
	const char *group, *hash;
} curves[] = {
	[ECDSA_P256] = { "prime256v1", "SHA256" },
	[ECDSA_P384] = { "secp384r1", "SHA384" },
	[ECDSA_P521] = { "secp521r1", "SHA512" },
};

#define CURVES (sizeof curves / sizeof curves[0])

static OSSL_LIB_CTX *lib;

static int
start(void)
{
	/* a context of our own, as in hash_module.c: openssl.cnf decides nothing here */
	lib = OSSL_LIB_CTX_new();

	return lib ? 0 : -1;
}

/* Parameters spelled out could be anybody's curve; what is no EC key does not know the question. */
static int
curve_of(const EVP_PKEY *pkey, enum ecdsa_curve *ret)
{
	char group[64];
	int is_explicit = 1;
	size_t i;

	if (EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
	                           &is_explicit) != 1 ||
	    is_explicit || EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1)
		return ECDSA_CURVE;
	for (i = 0; i < CURVES && strcmp(group, curves[i].group) != 0; i++)
		;
	if (i == CURVES)
		return ECDSA_CURVE;
	*ret = (enum ecdsa_curve)i;

	return ECDSA_OK;
}

/* Is the point on its curve and not infinity; does the secret half belong to it? */
static int
check_pair(EVP_PKEY *pkey, bool is_secret)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(lib, pkey, NULL);
	int rc;

	if (!ctx)
		return ECDSA_MEMORY;
	rc = is_secret ? EVP_PKEY_check(ctx) : EVP_PKEY_public_check(ctx);
	EVP_PKEY_CTX_free(ctx);

	return rc == 1 ? ECDSA_OK : ECDSA_MALFORMED;
}

/* Takes pkey, which may be NULL, whatever happens. */
static int
key_new(EVP_PKEY *pkey, bool is_secret, struct ecdsa_key **ret)
{
	struct ecdsa_key *k;
	enum ecdsa_curve curve = ECDSA_P256;
	int rc = ECDSA_MALFORMED;

	if (!pkey)
		return rc;
	rc = curve_of(pkey, &curve);
	if (rc == ECDSA_OK)
		rc = check_pair(pkey, is_secret);
	/* written in one way, in whatever way the point was read */
	if (rc == ECDSA_OK &&
	    EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
	                                   OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) != 1)
		rc = ECDSA_MEMORY;
	k = rc == ECDSA_OK ? malloc(sizeof *k) : NULL;
	if (!k) {
		EVP_PKEY_free(pkey);
		return rc == ECDSA_OK ? ECDSA_MEMORY : rc;
	}
	*k = (struct ecdsa_key){ pkey, curve, is_secret };
	*ret = k;

	return ECDSA_OK;
}

static void
free_key(struct ecdsa_key *k)
{
	EVP_PKEY_free(k->pkey);
	free(k);
}

static enum ecdsa_curve
key_curve(const struct ecdsa_key *k)
{
	return k->curve;
}

/* OpenSSL's bytes to the caller's heap; takes p. */
static int
hand_over(unsigned char *p, int n, uint8_t **ret, size_t *ret_n)
{
	uint8_t *copy = n > 0 ? malloc((size_t)n) : NULL;

	if (copy) {
		memcpy(copy, p, (size_t)n);
		*ret = copy;
		*ret_n = (size_t)n;
	}
	OPENSSL_free(p);

	return copy ? ECDSA_OK : ECDSA_MEMORY;
}

static int
key_spki(const struct ecdsa_key *k, uint8_t **ret, size_t *ret_n)
{
	unsigned char *p = NULL;
	int n, rc;

	ERR_set_mark();
	n = i2d_PUBKEY(k->pkey, &p);
	rc = hand_over(p, n, ret, ret_n);
	ERR_pop_to_mark();

	return rc;
}

/* The one encoding of a key, or the bytes could say something that we do not print. */
static int
check_encoding(const struct ecdsa_key *k, const struct ecdsa_der *spki)
{
	uint8_t *p = NULL;
	size_t n = 0;
	int rc = key_spki(k, &p, &n);

	if (rc == ECDSA_OK && (n != spki->n || memcmp(p, spki->p, n) != 0))
		rc = ECDSA_MALFORMED;
	free(p);

	return rc;
}

static int
public_key(const struct ecdsa_der *spki, struct ecdsa_key **ret)
{
	const unsigned char *at = spki->p;
	struct ecdsa_key *k = NULL;
	int rc;

	ERR_set_mark();
	rc = key_new(d2i_PUBKEY_ex(NULL, &at, (long)spki->n, lib, NULL), false, &k);
	if (rc == ECDSA_OK) {
		rc = check_encoding(k, spki);
		if (rc == ECDSA_OK)
			*ret = k;
		else
			free_key(k);
	}
	ERR_pop_to_mark();

	return rc;
}

static int
from_pkcs8(PKCS8_PRIV_KEY_INFO *info, struct ecdsa_key **ret)
{
	return info ? key_new(EVP_PKCS82PKEY_ex(info, lib, NULL), true, ret) : ECDSA_MALFORMED;
}

/* Parameters of PBES2, and with PBKDF2 a number of rounds that ends; OpenSSL bounds scrypt's memory
 * itself. */
static int
check_kdf(const X509_SIG *sealed)
{
	const X509_ALGOR *how;
	PBE2PARAM *p2;
	PBKDF2PARAM *kdf = NULL;
	int rc = ECDSA_MALFORMED, nid;

	X509_SIG_get0(sealed, &how, NULL);
	p2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), how->parameter);
	if (!p2)
		return rc;
	nid = OBJ_obj2nid(p2->keyfunc->algorithm);
	if (nid == NID_id_pbkdf2)
		kdf = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM),
		                                p2->keyfunc->parameter);
	if (kdf && ASN1_INTEGER_get(kdf->iter) > 0 && ASN1_INTEGER_get(kdf->iter) <= KDF_ROUNDS_MAX)
		rc = ECDSA_OK;
#ifdef NID_id_scrypt
	if (nid == NID_id_scrypt)
		rc = ECDSA_OK;
#endif
	PBKDF2PARAM_free(kdf);
	PBE2PARAM_free(p2);

	return rc;
}

static int
from_sealed(const X509_SIG *sealed, const char *passphrase, struct ecdsa_key **ret)
{
	PKCS8_PRIV_KEY_INFO *info;
	size_t n;
	int rc;

	if (!sealed)
		return ECDSA_MALFORMED;
	rc = check_kdf(sealed);
	if (rc != ECDSA_OK)
		return rc;
	n = passphrase ? strlen(passphrase) : 0;
	if (!passphrase || n > INT_MAX)
		return ECDSA_PASSPHRASE;
	info = PKCS8_decrypt_ex(sealed, passphrase, (int)n, lib, NULL);
	if (!info)
		return ECDSA_PASSPHRASE;
	rc = from_pkcs8(info, ret);
	PKCS8_PRIV_KEY_INFO_free(info);

	return rc;
}

static int
private_key(const struct ecdsa_der *der, enum ecdsa_form form, const char *passphrase,
            struct ecdsa_key **ret)
{
	const unsigned char *at = der->p;
	PKCS8_PRIV_KEY_INFO *info = NULL;
	X509_SIG *sealed = NULL;
	struct ecdsa_key *k = NULL;
	int rc = ECDSA_MALFORMED;

	ERR_set_mark();
	switch (form) {
	case ECDSA_SEC1:
		rc = key_new(d2i_PrivateKey_ex(EVP_PKEY_EC, NULL, &at, (long)der->n, lib, NULL),
		             true, &k);
		break;
	case ECDSA_PKCS8:
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der->n);
		rc = from_pkcs8(info, &k);
		break;
	case ECDSA_PKCS8_ENCRYPTED:
		sealed = d2i_X509_SIG(NULL, &at, (long)der->n);
		rc = from_sealed(sealed, passphrase, &k);
		break;
	}
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_SIG_free(sealed);
	if (rc == ECDSA_OK && at != der->p + der->n) {
		free_key(k);
		rc = ECDSA_MALFORMED;
	}
	if (rc == ECDSA_OK)
		*ret = k;
	ERR_pop_to_mark();

	return rc;
}

/* --- certificates --- */

static X509 *
read_certificate(const struct ecdsa_der *der)
{
	const unsigned char *at = der->p;
	X509 *x = X509_new_ex(lib, NULL);

	if (!x || !d2i_X509(&x, &at, (long)der->n)) /* frees x when it fails */
		return NULL;
	if (at != der->p + der->n) {
		X509_free(x);
		return NULL;
	}

	return x;
}

/* NULL: one of them is none. */
static STACK_OF(X509) * read_certificates(const struct ecdsa_der *der, size_t n)
{
	STACK_OF(X509) *s = sk_X509_new_null();

	for (size_t i = 0; s && i < n; i++) {
		X509 *x = read_certificate(&der[i]);

		if (!x || sk_X509_push(s, x) == 0) {
			X509_free(x);
			sk_X509_pop_free(s, X509_free);
			return NULL;
		}
	}

	return s;
}

/* RFC 5280 4.2.1.3 and 4.2.1.12: whoever names uses excludes the others. */
static bool
may_sign(X509 *leaf)
{
	const uint32_t flags = X509_get_extension_flags(leaf);
	const uint32_t code = XKU_CODE_SIGN | XKU_ANYEKU;

	if (flags & EXFLAG_KUSAGE && !(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
		return false;
	if (flags & EXFLAG_XKUSAGE && !(X509_get_extended_key_usage(leaf) & code))
		return false;

	return true;
}

static int
verify_path(X509_STORE *store, STACK_OF(X509) * roots, STACK_OF(X509) * chain, int64_t at_s)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(lib, NULL);
	X509 *leaf = sk_X509_value(chain, 0);
	X509_VERIFY_PARAM *param;
	int rc = ECDSA_CHAIN;

	if (!ctx || X509_STORE_CTX_init(ctx, store, leaf, chain) != 1) {
		X509_STORE_CTX_free(ctx);
		return ECDSA_MEMORY;
	}
	X509_STORE_CTX_set0_trusted_stack(ctx, roots); /* and the empty store is not asked */
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)at_s);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (X509_verify_cert(ctx) == 1 && may_sign(leaf))
		rc = ECDSA_OK;
	X509_STORE_CTX_free(ctx);

	return rc;
}

static int
check_chain(STACK_OF(X509) * roots, STACK_OF(X509) * chain, int64_t at_s, struct ecdsa_key **ret)
{
	X509_STORE *store = X509_STORE_new();
	EVP_PKEY *pkey;
	int rc;

	rc = store ? verify_path(store, roots, chain, at_s) : ECDSA_MEMORY;
	X509_STORE_free(store);
	if (rc != ECDSA_OK)
		return rc;
	pkey = X509_get0_pubkey(sk_X509_value(chain, 0));
	if (!pkey || EVP_PKEY_up_ref(pkey) != 1)
		return ECDSA_MALFORMED;

	return key_new(pkey, false, ret);
}

static int
chain_key(const struct ecdsa_der *chain_der, size_t chain_n, const struct ecdsa_der *roots_der,
          size_t roots_n, int64_t at_s, struct ecdsa_key **ret)
{
	STACK_OF(X509) * chain, *roots;
	int rc = ECDSA_MALFORMED;

	ERR_set_mark();
	chain = read_certificates(chain_der, chain_n);
	roots = read_certificates(roots_der, roots_n);
	if (chain && roots)
		rc = check_chain(roots, chain, at_s, ret);
	sk_X509_pop_free(chain, X509_free);
	sk_X509_pop_free(roots, X509_free);
	ERR_pop_to_mark();

	return rc;
}

/* --- signatures --- */

static int
verify(const struct ecdsa_der *sig, const void *p, size_t n, const struct ecdsa_key *k)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int rc = ECDSA_BAD;

	if (!ctx)
		return ECDSA_MEMORY;
	ERR_set_mark();
	/* encodes r and s again and compares: what is not DER or has a byte too many is refused */
	if (EVP_DigestVerifyInit_ex(ctx, NULL, curves[k->curve].hash, lib, NULL, k->pkey, NULL) ==
	            1 &&
	    EVP_DigestVerify(ctx, sig->p, sig->n, p, n) == 1)
		rc = ECDSA_OK;
	EVP_MD_CTX_free(ctx);
	ERR_pop_to_mark();

	return rc;
}

static int
sign_with(EVP_MD_CTX *ctx, const void *p, size_t n, const struct ecdsa_key *k, uint8_t **ret,
          size_t *ret_n)
{
	uint8_t *sig;
	size_t max = 0;

	if (EVP_DigestSignInit_ex(ctx, NULL, curves[k->curve].hash, lib, NULL, k->pkey, NULL) !=
	            1 ||
	    EVP_DigestSign(ctx, NULL, &max, p, n) != 1)
		return ECDSA_MEMORY;
	sig = malloc(max);
	if (!sig || EVP_DigestSign(ctx, sig, &max, p, n) != 1) {
		free(sig);
		return ECDSA_MEMORY;
	}
	*ret = sig;
	*ret_n = max;

	return ECDSA_OK;
}

static int
sign(const void *p, size_t n, const struct ecdsa_key *k, uint8_t **ret, size_t *ret_n)
{
	EVP_MD_CTX *ctx;
	int rc;

	if (!k->is_secret)
		return ECDSA_MALFORMED;
	ERR_set_mark();
	ctx = EVP_MD_CTX_new();
	rc = ctx ? sign_with(ctx, p, n, k, ret, ret_n) : ECDSA_MEMORY;
	EVP_MD_CTX_free(ctx);
	ERR_pop_to_mark();

	return rc;
}

extern const struct ecdsa_module slipway_ecdsa_module;

__attribute__((visibility("default"))) const struct ecdsa_module slipway_ecdsa_module = {
	.head = { ECDSA_MODULE_VERSION, start },
	.public_key = public_key,
	.private_key = private_key,
	.chain_key = chain_key,
	.free_key = free_key,
	.curve = key_curve,
	.spki = key_spki,
	.verify = verify,
	.sign = sign,
};
