/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence about a version: what somebody measured, looked up or scanned, signed. Content by type:
 *   metrics   {NAME: "DECIMAL"}, names as gate.h has them, numbers as text in their shortest form
 *   licence   {"spdx": ID, ..}, or a file whose text is just an SPDX id
 *   lineage   any object
 *   scan      {"scanner", "version", "verdict": "clean" or "findings", ..}
 * The newest statement of a type counts. Those about one model are a chain, each naming the one
 * before it, so that none can be hidden and no old one be logged again. Readers are pure functions
 * over bounded bytes.
 */
#pragma once

#include "registry/authority.h"
#include "registry/gate.h"
#include "registry/ledger.h"

#define ATTEST_FILE_MAX    (1u << 20)
#define ATTEST_CONTENT_MAX (16u << 10) /* bytes of the canonical content */
#define ATTEST_METRICS_MAX 256

/* The content of such a file. MALFORMED, TOO_BIG. A new reference. */
int attest_read(enum evidence_type type, struct str text, json_t **ret, struct err *e);

struct evidence {
	uint64_t seq, number;
	struct digest version, file;
	struct signed_place previous; /* about the model; zero: it is the first */
	enum evidence_type type;
	char person[SIGNER_SIZE];
	int64_t time_s;
	json_t *content; /* owned */
};
/* Signed by an author, an approver or a scanner, and just what the entry says. */
int authority_evidence(const struct authority *a, const struct entry *n, struct evidence *ret,
                       struct err *e);
void evidence_fini(struct evidence *v);
/* SIGNATURE when it names another one before it than the last that counts. */
int evidence_continues(const struct evidence *v, const struct signed_place *last, struct err *e);

/* Rows, for showing: the newest of a type (-ERR_NOT_FOUND without text), and the model's last. */
int evidence_put(struct txn *t, const char *model, const struct evidence *v,
                 const struct digest *leaf, struct err *e);
/* The row alone, of evidence that a bundle brought: it has no place in the chain here. */
int evidence_put_carried(struct txn *t, const char *model, const struct evidence *v,
                         struct err *e);
int evidence_last(struct txn *t, const char *model, struct signed_place *ret, struct err *e);
int evidence_get(struct txn *t, const char *model, uint64_t number, enum evidence_type type,
                 struct evidence *ret, struct err *e);
/* For who decides: the newest of a type about the version, found by the chain that begins at what
 * this person's reading of the log saw last, never by a row. NOT_FOUND: none. UNTRUSTED: the key
 * that signed it is revoked by now; then none counts, as an older one may be what it took back. */
int ledger_evidence(struct registry *r, const struct ledger *l, const char *model, uint64_t number,
                    const struct digest *version, enum evidence_type type, struct evidence *ret,
                    struct err *e);
/* The same among what bundles brought about the version, where the policy here believes its home
 * for that; person is "site/person". ledger_evidence asks it last. */
int ledger_carried_evidence(struct registry *r, const struct ledger *l, const char *model,
                            uint64_t number, const struct digest *version,
                            enum evidence_type type, struct evidence *ret, struct err *e);
/* The last that counts about any version of the model; zero: none. */
int ledger_evidence_last(const struct ledger *l, const char *model, struct signed_place *ret,
                         struct err *e);
/* A metric of it; false: it has none of that name. */
bool evidence_metric(const struct evidence *v, const char *name, double *ret);
/* "auc=0.97, f1=0.9" */
void evidence_metrics_text(const json_t *content, struct buf *ret);
