/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements in envelopes. The payload is decoded once: the bytes whose signature was good are the
 * bytes that are parsed, and nothing of the envelope but payload and type is believed. Knows what a
 * statement is, not what any kind of it means.
 */
#include "registry/statement.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/ed25519.h"
#include "crypto/pae.h"
#include "crypto/sshsig.h"
#include "registry/base/base64.h"

#define PAYLOAD_TYPE   "application/vnd.in-toto+json"
#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define KIND_HEAD      "urn:slipway:"
#define KIND_TAIL      ":v1"
#define SIGNATURES_MAX 64 /* each costs a check a key */

static void
add_payload(struct buf *b, const char *kind, const char *subject_name, const struct digest *subject,
            json_t *predicate)
{
	cleanup_free char *type = xasprintf(KIND_HEAD "%s" KIND_TAIL, kind);
	cleanup_json json_t *j = NULL;
	char hex[DIGEST_HEX_SIZE];

	digest_hex(subject, hex);
	j = json_pack("{s:s, s:s, s:O, s:[{s:s, s:{s:s}}]}", "_type", STATEMENT_TYPE,
	              "predicateType", type, "predicate", predicate, "subject", "name",
	              subject_name, "digest", "sha256", hex);
	if (!j)
		abort(); /* memory, or a name of ours that is not UTF-8 */
	json_canonical(j, b);
}

static bool
is_kind(struct str kind)
{
	if (kind.n == 0 || kind.n >= sizeof(((struct statement *)0)->kind))
		return false;
	for (size_t i = 0; i < kind.n; i++) {
		const char c = kind.p[i];

		if (!(c >= 'a' && c <= 'z') && c != '-')
			return false;
	}
	return true;
}

int
statement_payload(const char *kind, const char *subject_name, const struct digest *subject,
                  const json_t *predicate, struct buf *ret, struct err *e)
{
	json_t *mine;

	if (!is_kind(str_of(kind)))
		return err_set(e, ERR_BUG, "\"%s\" is no kind of statement", kind);
	memcpy(&mine, &predicate, sizeof(mine)); /* counting a reference is no change */
	add_payload(ret, kind, subject_name, subject, mine);
	return 0;
}

int
statement_pae(struct str payload, struct buf *ret, struct err *e)
{
	cleanup_free char *bytes = NULL;
	size_t n;

	bytes = pae(PAYLOAD_TYPE, strlen(PAYLOAD_TYPE), payload.p, payload.n, &n);
	if (!bytes)
		return err_set(e, ERR_SYS, "not enough memory for a statement");
	buf_add(ret, bytes, n);
	return 0;
}

static void
add_signature(struct buf *b, const char *key_id, const void *sig, size_t sig_n)
{
	buf_adds(b, "{\"keyid\":\"");
	buf_adds(b, key_id);
	buf_adds(b, "\",\"sig\":\"");
	base64_add(b, sig, sig_n);
	buf_adds(b, "\"}");
}

int
statement_envelope(struct str payload, const char *key_id, const void *sig, size_t sig_n,
                   struct buf *ret, struct err *e)
{
	cleanup_buf struct buf out = { 0 };

	/* members in canonical order; base64 and ids need no escape */
	buf_adds(&out, "{\"payload\":\"");
	base64_add(&out, payload.p, payload.n);
	buf_adds(&out, "\",\"payloadType\":\"" PAYLOAD_TYPE "\",\"signatures\":[");
	add_signature(&out, key_id, sig, sig_n);
	buf_adds(&out, "]}");
	if (out.n > STATEMENT_MAX)
		return err_set(e, ERR_TOO_BIG, "a statement of %zu bytes: at most %u are allowed",
		               out.n, STATEMENT_MAX);
	buf_add(ret, out.p, out.n);
	return 0;
}

int
statement_signature(struct str payload, const struct secret_key *key, struct buf *ret,
                    struct err *e)
{
	cleanup_buf struct buf bytes = { 0 };
	uint8_t sig[ED25519_SIG_SIZE];
	int rc = statement_pae(payload, &bytes, e);

	if (rc < 0)
		return rc;
	if (ed25519_sign(sig, bytes.p, bytes.n, key) < 0)
		return err_set(e, ERR_SYS, "cannot sign a statement");
	buf_add(ret, sig, sizeof(sig));
	return 0;
}

int
statement_sign(const char *kind, const char *subject_name, const struct digest *subject,
               const json_t *predicate, const struct secret_key *key, struct buf *ret,
               struct err *e)
{
	cleanup_buf struct buf payload = { 0 }, sig = { 0 };
	char id[KEY_ID_SIZE];
	int rc;

	rc = statement_payload(kind, subject_name, subject, predicate, &payload, e);
	if (rc == 0)
		rc = statement_signature(buf_str(&payload), key, &sig, e);
	if (rc < 0)
		return rc;
	key_id(&key->pub, id);
	return statement_envelope(buf_str(&payload), id, sig.p, sig.n, ret, e);
}

/* An envelope taken apart; signatures stay JSON. */
struct envelope {
	json_t *json;
	const char *type;
	struct buf payload;
	const json_t *signatures;
};

static void
envelope_fini(struct envelope *v)
{
	json_decref(v->json);
	buf_fini(&v->payload);
}
#define cleanup_envelope __attribute__((cleanup(envelope_fini)))

/* A missing keyid and null are the empty one. */
static const char *
sig_keyid(const json_t *sig)
{
	const char *const id = json_opt_string(sig, "keyid");

	return id ? id : "";
}

static int
check_signatures(const json_t *sigs, struct err *e)
{
	if (json_array_size(sigs) > SIGNATURES_MAX)
		return err_set(e, ERR_TOO_BIG, "envelope: more than %d signatures", SIGNATURES_MAX);
	for (size_t i = 0; i < json_array_size(sigs); i++) {
		const json_t *const s = json_array_get(sigs, i);
		const json_t *const id = json_object_get(s, "keyid");

		if (!json_is_string(json_object_get(s, "sig")) ||
		    (id && !json_is_string(id) && !json_is_null(id)))
			return err_set(e, ERR_MALFORMED, "envelope: signature %zu is no signature",
			               i);
	}
	return 0;
}

static int
envelope_parse(struct str text, struct envelope *v, struct err *e)
{
	const char *payload;
	json_t *sigs;
	int rc;

	if (text.n > STATEMENT_MAX)
		return err_set(e, ERR_TOO_BIG, "envelope: larger than %u bytes", STATEMENT_MAX);
	rc = json_parse(text, "envelope", &v->json, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(v->json, "payloadType", "envelope", &v->type, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(v->json, "payload", "envelope", &payload, e);
	if (rc < 0)
		return rc;
	rc = json_get_array(v->json, "signatures", "envelope", &sigs, e);
	if (rc < 0)
		return rc;
	if (base64_decode(payload, &v->payload) < 0)
		return err_set(e, ERR_MALFORMED, "envelope: \"payload\" is not base64");
	v->signatures = sigs;
	return check_signatures(sigs, e);
}

/* By Ed25519 itself, or as an SSH signature made for this kind of statement and no other purpose.
 */
static bool
is_good(const struct buf *sig, const char *ns, struct str bytes, const struct public_key *key)
{
	if (key->kind == KEY_ED25519 && sig->n == ED25519_SIG_SIZE)
		return ed25519_verify((const uint8_t *)sig->p, bytes.p, bytes.n, key) == 0;
	return ns && sshsig_verify(sig->p, sig->n, ns, bytes.p, bytes.n, key, NULL) == 0;
}

/* Is one of the envelope's signatures over bytes good under key? One that cannot be one is
 * passed by. */
static bool
is_signed_by(const struct envelope *v, const char *ns, struct str bytes,
             const struct public_key *key)
{
	for (size_t i = 0; i < json_array_size(v->signatures); i++) {
		cleanup_buf struct buf sig = { 0 };
		const char *const text = json_opt_string(json_array_get(v->signatures, i), "sig");

		if (base64_decode(text, &sig) == 0 && is_good(&sig, ns, bytes, key))
			return true;
	}
	return false;
}

static bool
names_key(const struct envelope *v, const char *id)
{
	for (size_t i = 0; i < json_array_size(v->signatures); i++) {
		if (streq(sig_keyid(json_array_get(v->signatures, i)), id))
			return true;
	}
	return false;
}

/* Nothing verified: because the bytes or the signature are wrong, or because we do not know
 * the signer? */
static int
not_verified(const struct envelope *v, const struct public_key *keys, size_t n, struct err *e)
{
	char id[KEY_ID_SIZE];

	if (json_array_size(v->signatures) == 0)
		return err_set(e, ERR_SIGNATURE, "envelope: not signed");
	for (size_t i = 0; i < n; i++) {
		key_id(&keys[i], id);
		if (names_key(v, id))
			return err_set(e, ERR_SIGNATURE,
			               "envelope: the signature of key %s is wrong", id);
	}
	if (n > 0 && names_key(v, ""))
		return err_set(e, ERR_SIGNATURE, "envelope: no signature by a trusted key");
	return err_set(e, ERR_UNTRUSTED, "envelope: key \"%s\" is not among the trusted keys",
	               sig_keyid(json_array_get(v->signatures, 0)));
}

static int
parse_kind(const char *type, struct statement *s, struct err *e)
{
	const size_t head = strlen(KIND_HEAD);

	if (has_prefix(type, KIND_HEAD) && has_suffix(type, KIND_TAIL) &&
	    strlen(type) > head + strlen(KIND_TAIL)) {
		const struct str kind = { type + head, strlen(type) - head - strlen(KIND_TAIL) };

		if (is_kind(kind)) {
			memcpy(s->kind, kind.p, kind.n);
			s->kind[kind.n] = '\0';
			return 0;
		}
	}
	return err_set(e, ERR_MALFORMED, "statement: \"predicateType\" is \"%.80s\", none of ours",
	               type);
}

/* good NULL: the first key that signed is enough. */
static int
check_envelope(const struct envelope *v, const char *kind, const struct public_key *keys, size_t n,
               bool *good, const struct public_key **ret, struct err *e)
{
	cleanup_buf struct buf bytes = { 0 };
	cleanup_free char *ns = kind ? xasprintf("%s" STATEMENT_NAMESPACE, kind) : NULL;
	char id[KEY_ID_SIZE];
	size_t pae_n;
	char *pae_bytes = pae(v->type, strlen(v->type), v->payload.p, v->payload.n, &pae_n);

	if (!pae_bytes)
		return err_set(e, ERR_SYS, "not enough memory for an envelope");
	buf_add(&bytes, pae_bytes, pae_n);
	free(pae_bytes);
	*ret = NULL;
	/* first the keys that are named, as they are likely; a name that lies costs time only */
	for (int named = 1; named >= 0; named--) {
		for (size_t i = 0; i < n && (good || !*ret); i++) {
			key_id(&keys[i], id);
			if (names_key(v, id) != (named == 1) ||
			    !is_signed_by(v, ns, buf_str(&bytes), &keys[i]))
				continue;
			*ret = *ret ? *ret : &keys[i];
			if (good)
				good[i] = true;
		}
	}
	return *ret ? 0 : not_verified(v, keys, n, e);
}

static int
parse_subject(const json_t *j, struct statement *s, struct err *e)
{
	json_t *subjects;
	json_t *digests;
	const char *hex;
	int rc;

	rc = json_get_array(j, "subject", "statement", &subjects, e);
	if (rc < 0)
		return rc;
	if (json_array_size(subjects) != 1)
		return err_set(e, ERR_MALFORMED, "statement: %zu subjects where one belongs",
		               json_array_size(subjects));
	rc = json_get_object(json_array_get(subjects, 0), "digest", "statement: subject", &digests,
	                     e);
	if (rc < 0)
		return rc;
	rc = json_get_string(digests, "sha256", "statement: subject", &hex, e);
	if (rc < 0)
		return rc;
	if (digest_parse(&s->subject, hex, strlen(hex)) < 0)
		return err_set(e, ERR_MALFORMED,
		               "statement: the subject's sha256 is not 64 hex digits");
	return 0;
}

static int
parse_payload(const struct envelope *v, struct statement *s, struct err *e)
{
	cleanup_json json_t *j = NULL;
	cleanup_buf struct buf canonical = { 0 };
	const char *type;
	json_t *predicate;
	int rc;

	if (!streq(v->type, PAYLOAD_TYPE))
		return err_set(e, ERR_MALFORMED, "envelope: \"payloadType\" is \"%.80s\"", v->type);
	rc = json_parse(buf_str(&v->payload), "statement", &j, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(j, "_type", "statement", &type, e);
	if (rc < 0)
		return rc;
	if (!streq(type, STATEMENT_TYPE))
		return err_set(e, ERR_MALFORMED, "statement: \"_type\" is \"%.80s\"", type);
	rc = json_get_string(j, "predicateType", "statement", &type, e);
	if (rc < 0)
		return rc;
	rc = parse_kind(type, s, e);
	if (rc < 0)
		return rc;
	rc = parse_subject(j, s, e);
	if (rc < 0)
		return rc;
	rc = json_get_object(j, "predicate", "statement", &predicate, e);
	if (rc < 0)
		return rc;
	json_canonical(v->json, &canonical);
	digest_small(canonical.p, canonical.n, &s->envelope);
	s->predicate = json_incref(predicate);
	return 0;
}

static int
verify(struct str envelope, const char *kind, const struct public_key *keys, size_t keys_n,
       bool *good, struct statement *ret, struct err *e)
{
	cleanup_envelope struct envelope v = { 0 };
	const struct public_key *signer = NULL;
	struct statement s = { 0 };
	int rc;

	rc = envelope_parse(envelope, &v, e);
	if (rc < 0)
		return rc;
	rc = check_envelope(&v, kind, keys, keys_n, good, &signer, e);
	if (rc < 0)
		return rc;
	rc = parse_payload(&v, &s, e);
	if (rc < 0)
		return rc;
	if (kind && !streq(kind, s.kind)) {
		rc = err_set(e, ERR_MALFORMED, "statement: of kind \"%s\" where \"%s\" belongs",
		             s.kind, kind);
		statement_fini(&s);
		return rc;
	}
	s.key = *signer;
	key_id(signer, s.key_id);
	*ret = s;
	return 0;
}

int
statement_verify(struct str envelope, const char *kind, const struct public_key *keys,
                 size_t keys_n, struct statement *ret, struct err *e)
{
	return verify(envelope, kind, keys, keys_n, NULL, ret, e);
}

int
statement_verify_all(struct str envelope, const char *kind, const struct public_key *keys,
                     size_t keys_n, bool *ret_good, struct statement *ret, struct err *e)
{
	memset(ret_good, 0, keys_n * sizeof(*ret_good));
	return verify(envelope, kind, keys, keys_n, ret_good, ret, e);
}

int
statement_add_signature(struct str envelope, const char *key_id, const void *sig, size_t sig_n,
                        struct buf *ret, struct err *e)
{
	cleanup_envelope struct envelope v = { 0 };
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *one = NULL;
	int rc;

	rc = envelope_parse(envelope, &v, e);
	if (rc < 0)
		return rc;
	add_signature(&text, key_id, sig, sig_n);
	rc = json_parse(buf_str(&text), "signature", &one, e);
	if (rc < 0)
		return rc;
	json_array_append(json_object_get(v.json, "signatures"), one);
	json_canonical(v.json, ret);
	return 0;
}

int
statement_envelope_payload(struct str envelope, struct buf *ret, struct err *e)
{
	cleanup_envelope struct envelope v = { 0 };
	int rc = envelope_parse(envelope, &v, e);

	if (rc == 0)
		buf_add(ret, v.payload.p, v.payload.n);
	return rc;
}

/* "DSSEv1 <n> <type> <n> <payload>", nothing else: what is inside, written again, is the same. */
int
statement_pae_payload(struct str text, struct str *ret, struct err *e)
{
	static const char head[] = "DSSEv1 28 " PAYLOAD_TYPE " ";
	cleanup_buf struct buf again = { 0 };
	const char *space = NULL;
	int rc = 0;

	if (text.n > sizeof(head) - 1 && memcmp(text.p, head, sizeof(head) - 1) == 0)
		space = memchr(text.p + sizeof(head) - 1, ' ', text.n - (sizeof(head) - 1));
	if (space) {
		ret->p = space + 1;
		ret->n = text.n - (size_t)(space + 1 - text.p);
		rc = statement_pae(*ret, &again, e);
	}
	if (rc == 0 && (!space || !str_eq(buf_str(&again), text)))
		rc = err_set(e, ERR_MALFORMED, "it holds no statement to be signed");
	return rc;
}
_Static_assert(sizeof(PAYLOAD_TYPE) - 1 == 28, "the length in the head");

int
statement_peek(struct str envelope, struct statement *ret, struct err *e)
{
	cleanup_envelope struct envelope v = { 0 };
	struct statement s = { 0 };
	int rc;

	rc = envelope_parse(envelope, &v, e);
	if (rc < 0)
		return rc;
	rc = parse_payload(&v, &s, e);
	if (rc < 0)
		return rc;
	/* what is claimed, when it has the length of an id */
	if (json_array_size(v.signatures) > 0)
		(void)str_copy(s.key_id, sizeof(s.key_id),
		               sig_keyid(json_array_get(v.signatures, 0)));
	*ret = s;
	return 0;
}

void
statement_fini(struct statement *s)
{
	json_decref(s->predicate);
	s->predicate = NULL;
}
