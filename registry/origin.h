/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bundle brought from another registry's log (its origin): entries that count here by that
 * registry's own policies, as far as the policy here believes it. A line of our log that stands for
 * one names it, {"origin": {"registry", "seq"}} in its body, and in the statement's place the blob
 * of the proof that came with it (proof.h, kind BundleProof). Nothing of such a line is believed:
 * the proof is read again, from the fingerprint of the site's first policy on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/audit.h"
#include "registry/authority.h"
#include "registry/blob.h"
#include "registry/proof_private.h"

struct origin {
	struct proof proof;        /* its entries and policies */
	struct proof_result trust; /* the checkpoint */
	struct digest root;        /* of the first policy */
};
/* A pure function over foreign bytes. root NULL: whichever it has, and the caller asks about
 * ret->root. 0 only when chain, checkpoint and the place of each entry hold. MALFORMED, TOO_BIG,
 * DIGEST, SIGNATURE, UNTRUSTED. */
int origin_check(struct str text, const struct digest *root, struct origin *ret, struct err *e);
void origin_fini(struct origin *o);
const struct policy *origin_newest(const struct origin *o);             /* policy */
const struct entry *origin_entry(const struct origin *o, uint64_t seq); /* NULL: not in it */
/* Whose word an entry of it is, by the policy there at its place, revocations until the newest one
 * counted. SIGNATURE, UNTRUSTED, MALFORMED when it is nobody's that counts. */
int origin_judge(const struct origin *o, const struct entry *n, struct audit_who *ret,
                 struct err *e);
/* Is that tree the beginning of this one? size 0: yes. NOT_FOUND: the proof does not say. DIGEST:
 * no. */
int origin_grew_from(const struct origin *o, const struct tree_head *old, struct err *e);

bool origin_is(const struct entry *n); /* a line of ours that stands for one */
/* Bodies of such lines, new references: of the same type, or of the type "origin", as history tells
 * it. "site/person", cut to what a signer has room for. */
json_t *origin_body_same(const struct entry *n, const char *registry, const char *site);
json_t *origin_body_told(const struct entry *n, const char *registry, const char *site);
void origin_person(const char *site, const char *person, char ret[SIGNER_SIZE]);
/* The entry behind such a line and whom to ask about it: its registry and the policy that was in
 * force there. The line says what the entry says. Both are borrowed until the next call. UNTRUSTED:
 * the policy `here` does not believe that site, or not for `counts`. DIGEST: the proof is gone or
 * another. */
struct origin_found {
	const struct entry *entry;
	struct authority authority;
	const struct policy_site *site; /* in here */
};
int origin_resolve(struct blobs *b, const struct policy *here, const struct entry *n,
                   unsigned counts, struct origin_found *ret, struct err *e);
/* The proof that a line of ours names, whether or not it stands for an entry; site: its name in the
 * policy `here`. */
int origin_of_line(struct blobs *b, const struct policy *here, const struct entry *n,
                   const struct origin **ret, char ret_site[SIGNER_SIZE], struct err *e);
/* The envelope behind a line that counts already; nothing is judged. */
int origin_envelope(struct blobs *b, const struct entry *n, struct buf *ret, struct err *e);
/* A version's line: the row that it makes here, signer "site/person". */
int origin_version(struct blobs *b, const struct policy *here, const struct entry *n,
                   struct version_row *ret, struct err *e);
