/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles and envelopes of OpenSSF Model Signing. The payload is decoded once: the bytes whose
 * signature was good are the bytes that are parsed. Keys that a bundle brings along prove nothing,
 * they are only compared with the one that is trusted. Knows no folders.
 */
#include "registry/oms.h"

#include <string.h>

#include "crypto/ecdsa.h"
#include "crypto/pae.h"
#include "registry/base/base64.h"
#include "registry/oms_private.h"

#define MEDIA_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"
#define CHAIN_MAX  16 /* certificates; each costs a verification */

static const char *const old_media_types[] = {
	"application/vnd.dev.sigstore.bundle+json;version=0.1",
	"application/vnd.dev.sigstore.bundle+json;version=0.2",
	"application/vnd.dev.sigstore.bundle+json;version=0.3",
};

/* A bundle taken apart, its statement not yet looked at. */
struct bundle {
	json_t *json; /* owned; the pointers below are into it */
	const json_t *public_key;
	const json_t *chain; /* array */
	const char *type;
	struct buf payload, sig;
};

static void
bundle_fini(struct bundle *b)
{
	json_decref(b->json);
	buf_fini(&b->payload);
	buf_fini(&b->sig);
}
#define cleanup_bundle __attribute__((cleanup(bundle_fini)))

static void
free_ecdsa(struct ecdsa_key **k)
{
	ecdsa_free(*k);
}
#define cleanup_ecdsa __attribute__((cleanup(free_ecdsa)))

const char *
oms_mode_name(enum oms_mode m)
{
	switch (m) {
	case OMS_KEY:
		return "key";
	case OMS_CERTIFICATE:
		return "certificate";
	case OMS_KEYLESS:
		break;
	}
	return "keyless";
}

const char *
oms_profile(const struct oms *o)
{
	return o->is_old ? "oms-v1.0-old" : "oms-v1.0";
}

void
oms_fini(struct oms *o)
{
	vec_foreach(r, &o->resources)
		free(r->path);
	vec_foreach(p, &o->ignored)
		free(*p);
	vec_fini(&o->resources);
	vec_fini(&o->ignored);
	free(o->subject);
	*o = (struct oms){ 0 };
}

/* --- the bundle --- */

static int
parse_media_type(const json_t *j, struct oms *o, struct err *e)
{
	const char *type;
	const int rc = json_get_string(j, "mediaType", "bundle", &type, e);

	if (rc < 0 || streq(type, MEDIA_TYPE))
		return rc;
	for (size_t i = 0; i < COUNT(old_media_types); i++) {
		if (streq(type, old_media_types[i])) {
			o->is_old = true;
			return 0;
		}
	}
	return err_set(e, ERR_MALFORMED, "bundle: \"mediaType\" is \"%.100s\"", type);
}

/* Which of the three it has decides what kind of signer it names. A chain that comes with log
 * entries is how keyless signers wrote it before v0.3. */
static int
parse_mode(const json_t *material, struct bundle *b, struct oms *o, struct err *e)
{
	const json_t *const key = json_object_get(material, "publicKey");
	const json_t *const chain = json_object_get(material, "x509CertificateChain");
	const json_t *const leaf = json_object_get(material, "certificate");
	json_t *list;
	int rc;

	if (!key + !chain + !leaf != 2)
		return err_set(e, ERR_MALFORMED,
		               "bundle: one of \"publicKey\", "
		               "\"x509CertificateChain\" and \"certificate\" belongs there");
	if (key) {
		o->mode = OMS_KEY;
		b->public_key = key;
		return json_is_object(key) ? 0
		                           : err_set(e, ERR_MALFORMED,
		                                     "bundle: \"publicKey\" is not an object");
	}
	if (leaf && !o->has_log)
		return err_set(e, ERR_MALFORMED,
		               "bundle: \"tlogEntries\" is missing, and keyless needs them");
	o->mode = o->has_log ? OMS_KEYLESS : OMS_CERTIFICATE;
	if (leaf)
		return 0;
	rc = json_get_array(chain, "certificates", "bundle: chain", &list, e);
	if (rc < 0)
		return rc;
	if (json_array_size(list) == 0 || json_array_size(list) > CHAIN_MAX)
		return err_set(e, ERR_MALFORMED, "bundle: a chain of %zu certificates",
		               json_array_size(list));
	b->chain = list;
	return 0;
}

static int
parse_material(const json_t *j, struct bundle *b, struct oms *o, struct err *e)
{
	const json_t *log;
	json_t *material;
	const int rc = json_get_object(j, "verificationMaterial", "bundle", &material, e);

	if (rc < 0)
		return rc;
	log = json_object_get(material, "tlogEntries");
	if (log && !json_is_array(log))
		return err_set(e, ERR_MALFORMED, "bundle: \"tlogEntries\" is not an array");
	o->has_log = json_array_size(log) > 0;
	return parse_mode(material, b, o, e);
}

static int
parse_signature(const json_t *envelope, struct bundle *b, struct err *e)
{
	const json_t *id;
	const json_t *one;
	const char *text;
	json_t *list;
	int rc;

	rc = json_get_array(envelope, "signatures", "envelope", &list, e);
	if (rc < 0)
		return rc;
	if (json_array_size(list) != 1)
		return err_set(e, ERR_MALFORMED, "envelope: %zu signatures where one belongs",
		               json_array_size(list));
	one = json_array_get(list, 0);
	rc = json_get_string(one, "sig", "envelope: signature", &text, e);
	if (rc < 0)
		return rc;
	id = json_object_get(one, "keyid");
	if (id && !json_is_string(id) && !json_is_null(id))
		return err_set(e, ERR_MALFORMED, "envelope: \"keyid\" is not a string");
	if (base64_decode(text, &b->sig) < 0)
		return err_set(e, ERR_MALFORMED, "envelope: \"sig\" is not base64");
	return 0;
}

static int
parse_envelope(const json_t *j, struct bundle *b, struct err *e)
{
	const char *payload;
	json_t *envelope;
	int rc;

	rc = json_get_object(j, "dsseEnvelope", "bundle", &envelope, e);
	if (rc == 0)
		rc = json_get_string(envelope, "payloadType", "envelope", &b->type, e);
	if (rc == 0)
		rc = json_get_string(envelope, "payload", "envelope", &payload, e);
	if (rc < 0)
		return rc;
	if (base64_decode(payload, &b->payload) < 0)
		return err_set(e, ERR_MALFORMED, "envelope: \"payload\" is not base64");
	return parse_signature(envelope, b, e);
}

static int
bundle_parse(struct str text, struct bundle *b, struct oms *o, struct err *e)
{
	static const char *const members[] = { "mediaType", "verificationMaterial", "dsseEnvelope",
		                               NULL };
	int rc;

	if (text.n > OMS_BUNDLE_MAX)
		return err_set(e, ERR_TOO_BIG, "bundle: larger than %u bytes", OMS_BUNDLE_MAX);
	rc = json_parse(text, "bundle", &b->json, e);
	if (rc < 0)
		return rc;
	if (!json_is_object(b->json))
		return err_set(e, ERR_MALFORMED, "bundle: not an object");
	if (json_object_get(b->json, "messageSignature"))
		return err_set(e, ERR_MALFORMED,
		               "bundle: signs one file's digest, not a model's list of files");
	rc = oms_members_check(b->json, "bundle", members, e);
	if (rc == 0)
		rc = parse_media_type(b->json, o, e);
	if (rc == 0)
		rc = parse_material(b->json, b, o, e);
	return rc < 0 ? rc : parse_envelope(b->json, b, e);
}

/* --- the signature --- */

static int
ecdsa_err(int status, const char *what, struct err *e)
{
	switch ((enum ecdsa_status)status) {
	case ECDSA_OK:
		return 0;
	case ECDSA_BAD:
		return err_set(e, ERR_SIGNATURE, "%s: the signature is wrong", what);
	case ECDSA_MALFORMED:
		return err_set(e, ERR_MALFORMED, "%s: nothing that can be read as one", what);
	case ECDSA_CURVE:
		return err_set(e, ERR_MALFORMED, "%s: no ECDSA key over P-256, P-384 or P-521",
		               what);
	case ECDSA_PASSPHRASE:
		return err_set(e, ERR_DENIED, "%s: that is not its passphrase", what);
	case ECDSA_CHAIN:
		return err_set(e, ERR_UNTRUSTED,
		               "%s: leads to none of the given roots, is not valid at this time or "
		               "not for signing",
		               what);
	case ECDSA_MODULE:
		return err_set(e, ERR_SYS, "the module of libcrypto cannot be loaded");
	case ECDSA_MEMORY:
		return err_set(e, ERR_SYS, "not enough memory for a key");
	}
	return err_set(e, ERR_BUG, "%s: status %d", what, status);
}

static const char *
curve_name(enum ecdsa_curve c)
{
	switch (c) {
	case ECDSA_P256:
		return "P-256";
	case ECDSA_P384:
		return "P-384";
	case ECDSA_P521:
		break;
	}
	return "P-521";
}

/* SHA-256 over the PEM text, in hex, is what OMS names a key by. */
static int
key_name(const struct ecdsa_key *k, char ret[DIGEST_HEX_SIZE], struct err *e)
{
	cleanup_free char *pem = NULL;
	struct digest d;
	size_t n;
	const int rc = ecdsa_err(ecdsa_spki_pem(k, &pem, &n), "key", e);

	if (rc < 0)
		return rc;
	digest_small(pem, n, &d);
	digest_hex(&d, ret);
	return 0;
}

/* Either spelling: that of OMS, and base64 of SHA-256 over the DER as container signers write. */
static int
check_hint(const char *hint, const struct oms *o, const uint8_t *der, size_t n, struct err *e)
{
	cleanup_buf struct buf other = { 0 };
	struct digest d;

	digest_small(der, n, &d);
	base64_add(&other, d.b, sizeof(d.b));
	if (streq(hint, o->key) || streq(hint, buf_cstr(&other)))
		return 0;
	return err_set(e, ERR_UNTRUSTED, "bundle: names the key \"%.80s\", not the given one",
	               hint);
}

/* The key that the bundle carries itself: PEM text, or DER. */
static int
check_embedded(const char *base64, const uint8_t *der, size_t n, struct err *e)
{
	cleanup_buf struct buf bytes = { 0 };
	cleanup_ecdsa struct ecdsa_key *key = NULL;
	cleanup_free uint8_t *theirs = NULL;
	size_t theirs_n;

	if (base64_decode(base64, &bytes) < 0)
		return err_set(e, ERR_MALFORMED, "bundle: \"rawBytes\" is not base64");
	if (str_eq(buf_str(&bytes), (struct str){ (const char *)der, n }))
		return 0;
	if (ecdsa_public_pem(buf_cstr(&bytes), bytes.n, &key) == 0 &&
	    ecdsa_spki_der(key, &theirs, &theirs_n) == 0 && theirs_n == n &&
	    memcmp(theirs, der, n) == 0)
		return 0;
	return err_set(e, ERR_UNTRUSTED, "bundle: carries another key than the given one");
}

static int
check_named_key(const struct bundle *b, const struct ecdsa_key *key, struct oms *o, struct err *e)
{
	const char *const hint = json_opt_string(b->public_key, "hint");
	const char *const raw = json_opt_string(b->public_key, "rawBytes");
	cleanup_free uint8_t *der = NULL;
	size_t n;
	int rc;

	if (!hint && !raw)
		return err_set(e, ERR_MALFORMED, "bundle: \"publicKey\" names no key");
	rc = ecdsa_err(ecdsa_spki_der(key, &der, &n), "key", e);
	if (rc == 0 && raw)
		rc = check_embedded(raw, der, n, e);
	if (rc == 0 && hint)
		rc = check_hint(hint, o, der, n, e);
	o->is_old = o->is_old || !hint;
	return rc;
}

static int
leaf_key(const struct bundle *b, const struct oms_trust *t, struct ecdsa_key **ret, struct err *e)
{
	struct buf certs[CHAIN_MAX] = { 0 };
	const uint8_t *der[CHAIN_MAX];
	size_t der_n[CHAIN_MAX];
	const size_t n = json_array_size(b->chain);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *text;

		rc = json_get_string(json_array_get(b->chain, i), "rawBytes", "bundle: certificate",
		                     &text, e);
		if (rc == 0 && base64_decode(text, &certs[i]) < 0)
			rc = err_set(e, ERR_MALFORMED, "bundle: certificate %zu is not base64", i);
		der[i] = (const uint8_t *)buf_cstr(&certs[i]);
		der_n[i] = certs[i].n;
	}
	if (rc == 0)
		rc = ecdsa_err(ecdsa_chain(der, der_n, n, t->roots.p, t->roots.n, t->at_s, ret),
		               "bundle: the certificate chain", e);
	for (size_t i = 0; i < n; i++)
		buf_fini(&certs[i]);
	return rc;
}

/* The one key under which the signature has to be good. */
static int
trusted_key(const struct bundle *b, const struct oms_trust *t, struct oms *o,
            struct ecdsa_key **ret, struct err *e)
{
	const bool has_trust = o->mode == OMS_KEY ? t->key.n > 0 : t->roots.n > 0;
	int rc;

	if (o->mode == OMS_KEYLESS) {
		(void)err_set(e, ERR_UNTRUSTED,
		              "bundle: signed keyless, which is not verifiable here: it relies on "
		              "an online authority and its log");
		return err_hint(e, "have the model signed with a key or a certificate");
	}
	if (!has_trust)
		return err_set(e, ERR_UNTRUSTED, "bundle: signed with a %s, and none was given",
		               o->mode == OMS_KEY ? "key" : "certificate");
	if (o->mode == OMS_KEY)
		rc = ecdsa_err(ecdsa_public_pem(t->key.p, t->key.n, ret), "the given key", e);
	else
		rc = leaf_key(b, t, ret, e);
	if (rc == 0)
		rc = key_name(*ret, o->key, e);
	if (rc == 0 && o->mode == OMS_KEY)
		rc = check_named_key(b, *ret, o, e);
	return rc;
}

static int
check_signature(const struct bundle *b, const struct oms_trust *t, struct oms *o, struct err *e)
{
	cleanup_ecdsa struct ecdsa_key *key = NULL;
	cleanup_free char *bytes = NULL;
	size_t n;
	int rc;

	rc = trusted_key(b, t, o, &key, e);
	if (rc < 0)
		return rc;
	bytes = pae(b->type, strlen(b->type), b->payload.p, b->payload.n, &n);
	if (!bytes)
		return err_set(e, ERR_SYS, "not enough memory for an envelope");
	rc = ecdsa_err(ecdsa_verify(b->sig.p, b->sig.n, bytes, n, key), "envelope", e);
	if (rc == 0)
		o->curve = curve_name(ecdsa_curve_of(key));
	return rc;
}

/* --- both --- */

/* t NULL: nothing is verified. */
static int
read_bundle(struct str text, const struct oms_trust *t, struct oms *ret, struct err *e)
{
	cleanup_bundle struct bundle b = { 0 };
	struct oms o = { 0 };
	int rc = bundle_parse(text, &b, &o, e);

	if (rc == 0 && t)
		rc = check_signature(&b, t, &o, e);
	if (rc == 0 && !streq(b.type, OMS_PAYLOAD_TYPE))
		rc = err_set(e, ERR_MALFORMED, "envelope: \"payloadType\" is \"%.80s\"", b.type);
	if (rc == 0)
		rc = oms_statement_parse(buf_str(&b.payload), &o, e);
	if (rc < 0)
		oms_fini(&o);
	else
		*ret = o;
	return rc;
}

int
oms_verify(struct str bundle, const struct oms_trust *t, struct oms *ret, struct err *e)
{
	return read_bundle(bundle, t, ret, e);
}

int
oms_peek(struct str bundle, struct oms *ret, struct err *e)
{
	return read_bundle(bundle, NULL, ret, e);
}

/* --- signing --- */

bool
oms_key_is_encrypted(struct str pem)
{
	return memmem(pem.p, pem.n, "ENCRYPTED", strlen("ENCRYPTED")) != NULL;
}

int
oms_key_load(struct str pem, const char *passphrase, struct ecdsa_key **ret, struct err *e)
{
	return ecdsa_err(ecdsa_private_pem(pem.p, pem.n, passphrase, ret), "the key", e);
}

void
oms_key_free(struct ecdsa_key *k)
{
	ecdsa_free(k);
}

/* Members in canonical order; base64 and hex need no escape. */
static void
write_bundle(struct str payload, const uint8_t *sig, size_t sig_n, const char *hint,
             struct buf *ret)
{
	buf_adds(ret, "{\"dsseEnvelope\":{\"payload\":\"");
	base64_add(ret, payload.p, payload.n);
	buf_adds(ret, "\",\"payloadType\":\"" OMS_PAYLOAD_TYPE "\",\"signatures\":[{\"keyid\":\"\","
	              "\"sig\":\"");
	base64_add(ret, sig, sig_n);
	buf_adds(ret, "\"}]},\"mediaType\":\"" MEDIA_TYPE "\",\"verificationMaterial\":{"
	              "\"publicKey\":{\"hint\":\"");
	buf_adds(ret, hint);
	buf_adds(ret, "\"},\"tlogEntries\":[]}}");
}

/* What a reader will say of it, who has the public half only. */
static int
read_own(struct str bundle, const struct ecdsa_key *key, struct oms *ret, struct err *e)
{
	cleanup_free char *pem = NULL;
	struct oms_trust t = { 0 };
	int rc = ecdsa_err(ecdsa_spki_pem(key, &pem, &t.key.n), "the key", e);

	t.key.p = pem;
	return rc < 0 ? rc : oms_verify(bundle, &t, ret, e);
}

int
oms_sign(const struct manifest *m, const char *subject, const struct ecdsa_key *key,
         struct buf *ret, struct oms *ret_oms, struct err *e)
{
	cleanup_buf struct buf payload = { 0 };
	cleanup_buf struct buf bundle = { 0 };
	cleanup_free uint8_t *sig = NULL;
	cleanup_free char *bytes = NULL;
	char hint[DIGEST_HEX_SIZE];
	size_t sig_n;
	size_t n;
	int rc;

	rc = oms_statement_write(m, subject, &payload, e);
	if (rc == 0)
		rc = key_name(key, hint, e);
	if (rc < 0)
		return rc;
	bytes = pae(OMS_PAYLOAD_TYPE, strlen(OMS_PAYLOAD_TYPE), payload.p, payload.n, &n);
	if (!bytes)
		return err_set(e, ERR_SYS, "not enough memory for an envelope");
	rc = ecdsa_err(ecdsa_sign(bytes, n, key, &sig, &sig_n), "the key", e);
	if (rc < 0)
		return rc;
	write_bundle(buf_str(&payload), sig, sig_n, hint, &bundle);
	rc = read_own(buf_str(&bundle), key, ret_oms, e);
	if (rc == 0)
		buf_add(ret, bundle.p, bundle.n);
	return rc;
}
