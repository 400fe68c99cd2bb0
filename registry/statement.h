/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements: in-toto Statement v1 in a DSSE envelope (protocol 1.0.2). A signature is Ed25519 over
 * the PAE, or an SSH signature (binary blob, crypto/sshsig.h) whose message is the PAE and whose
 * namespace is "<kind>@slipway".
 * payloadType is application/vnd.in-toto+json, predicateType urn:slipway:<kind>:v1. Canonical
 * JSON on writing; the bytes that were verified are the bytes that are parsed.
 */
#pragma once

#include <stddef.h>

#include "crypto/digest.h"
#include "crypto/key.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"

#define STATEMENT_MAX (128u << 10) /* an envelope's bytes */
#define STATEMENT_INLINE_MAX                                                 \
	(48u << 10) /* of those that give authority: they lie in their entry \
	             */

/* Kinds: version, policy, authorisation, promotion. subject_name is for people, the digest decides.
 * Takes a reference of its own on predicate. Envelope as canonical JSON in ret. */
int statement_sign(const char *kind, const char *subject_name, const struct digest *subject,
                   const json_t *predicate, const struct secret_key *key, struct buf *ret,
                   struct err *e);

/* The same in steps, for a key that lies elsewhere. The payload's canonical bytes; what a key signs
 * of them; and an envelope with one signature, or one signature more. */
int statement_payload(const char *kind, const char *subject_name, const struct digest *subject,
                      const json_t *predicate, struct buf *ret, struct err *e);
int statement_pae(struct str payload, struct buf *ret, struct err *e);
int statement_signature(struct str payload, const struct secret_key *key, struct buf *ret,
                        struct err *e); /* Ed25519's 64 bytes */
int statement_envelope(struct str payload, const char *key_id, const void *sig, size_t sig_n,
                       struct buf *ret, struct err *e);
int statement_add_signature(struct str envelope, const char *key_id, const void *sig, size_t sig_n,
                            struct buf *ret, struct err *e);
/* The payload inside a PAE or an envelope, to be signed or compared; unverified. */
int statement_pae_payload(struct str pae, struct str *ret, struct err *e);
int statement_envelope_payload(struct str envelope, struct buf *ret, struct err *e);
#define STATEMENT_NAMESPACE "@slipway" /* behind the kind */

struct statement {
	char kind[32];
	struct digest subject;
	json_t *predicate;        /* owned */
	char key_id[KEY_ID_SIZE]; /* of the key that verified */
	struct public_key key;
	struct digest envelope; /* of the canonical envelope bytes as logged */
};
/* Tries the given keys only (the envelope's keyid narrows, it is never trusted). 0 only when a
 * signature of one of them is good, types are right and there is exactly one subject.
 * SIGNATURE, UNTRUSTED (no such key among keys), MALFORMED. kind NULL: any, and no
 * SSH signature counts. */
int statement_verify(struct str envelope, const char *kind, const struct public_key *keys,
                     size_t keys_n, struct statement *ret, struct err *e);
/* The same, and ret_good[i]: keys[i] signed. At least one did. */
int statement_verify_all(struct str envelope, const char *kind, const struct public_key *keys,
                         size_t keys_n, bool *ret_good, struct statement *ret, struct err *e);
/* Without any verification, for showing what an envelope claims. */
int statement_peek(struct str envelope, struct statement *ret, struct err *e);
void statement_fini(struct statement *s);
