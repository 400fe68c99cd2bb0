/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSF Model Signing v1.0: a list of a model's files in an in-toto statement, in a DSSE
 * envelope, in a Sigstore bundle (JSON). Written: media type v0.3, ECDSA by the key's curve, method
 * files, SHA-256, names in the order of their bytes. Read beside: the older media types, the
 * embedded keys of before 1.1.0, certificate chains, shards, BLAKE2b and BLAKE3, any order. Keyless
 * bundles are named and refused: who they rely on cannot be asked from here. Pure functions over
 * bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/str.h"
#include "registry/base/vec.h"
#include "registry/manifest.h"

struct ecdsa_key;

#define OMS_BUNDLE_MAX (16u << 20) /* bytes: twice what a manifest of the most files needs */
#define OMS_PEM_MAX    (64u << 10) /* a file of keys or roots */
#define OMS_SUM_MAX    64

enum oms_mode { OMS_KEY, OMS_CERTIFICATE, OMS_KEYLESS };
enum oms_method { OMS_FILES, OMS_SHARDS };
enum oms_hash { OMS_SHA256, OMS_BLAKE2B, OMS_BLAKE3 };
/* In which the list was signed: the specification's (bytes of the names), the reference
 * implementation's (part by part, shards by number), neither. */
enum oms_order { OMS_ORDER_SPEC, OMS_ORDER_REFERENCE, OMS_ORDER_OTHER };

/* A file, or with OMS_SHARDS the bytes [start, end) of one. */
struct oms_resource {
	char *path; /* "." alone: the model is one file, whatever its name */
	uint64_t start, end;
	uint8_t sum[OMS_SUM_MAX]; /* as long as the hash is */
};
struct oms {
	enum oms_mode mode;
	enum oms_method method;
	enum oms_hash hash;
	enum oms_order order;
	bool is_old;      /* spelled as before 1.1.0: media type or embedded key */
	bool has_log;     /* carries entries of a transparency log, which nobody here checks */
	bool has_ignored; /* names what was left out; else the tools' defaults were */
	bool allows_links;
	uint64_t shard_size; /* OMS_SHARDS */
	struct digest root;
	char *subject;                      /* the model's name, for people */
	VEC(struct oms_resource) resources; /* sorted by path, then start; no two overlap */
	VEC(char *) ignored;                /* sorted; relative paths */

	/* of the key that verified */
	const char *curve;         /* "P-256"; NULL: nothing was verified */
	char key[DIGEST_HEX_SIZE]; /* SHA-256 of its SubjectPublicKeyInfo as PEM, what hints say */
};

/* Who is believed: one public key, or the roots of certificate chains at a time. Texts in PEM. */
struct oms_trust {
	struct str key;   /* n 0: none */
	struct str roots; /* n 0: none */
	int64_t at_s;
};
/* 0 only when the bundle's one signature is good under t and what it signs is an OMS statement
 * whose root digest is that of its list. Whether a model is as the list says: oms_tree.h.
 * SIGNATURE, UNTRUSTED, MALFORMED, TOO_BIG, DIGEST. */
int oms_verify(struct str bundle, const struct oms_trust *t, struct oms *ret, struct err *e);
/* What a bundle claims, without any verification. */
int oms_peek(struct str bundle, struct oms *ret, struct err *e);
void oms_fini(struct oms *o);

size_t oms_sum_size(enum oms_hash h);
const char *oms_mode_name(enum oms_mode m);     /* "key", "certificate", "keyless" */
const char *oms_method_name(enum oms_method m); /* "files", "shards" */
const char *oms_hash_name(enum oms_hash h);     /* "sha256", "blake2b", "blake3" */
const char *oms_order_name(enum oms_order o);   /* "spec", "reference", "other" */
const char *oms_profile(const struct oms *o);   /* "oms-v1.0", "oms-v1.0-old" */
/* Is path left out by the signer, itself or by a folder above? */
bool oms_ignores(const struct oms *o, const char *path);

/* Secret half of an ECDSA key: PKCS#8 or SEC 1. is_encrypted: a passphrase has to be asked for.
 * ecdsa_free. DENIED: wrong passphrase. */
bool oms_key_is_encrypted(struct str pem);
int oms_key_load(struct str pem, const char *passphrase, struct ecdsa_key **ret, struct err *e);
void oms_key_free(struct ecdsa_key *k); /* NULL is fine */
/* A bundle over a version's files, whose digests are the manifest's: no byte of them is read. The
 * files that manifest_oms_ignores() names are left out, and said so in it. It is read again and
 * verified before it is given away: *ret_oms, for oms_fini. USAGE: no file is left. */
int oms_sign(const struct manifest *m, const char *subject, const struct ecdsa_key *key,
             struct buf *ret, struct oms *ret_oms, struct err *e);
