/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry in a fresh folder with one person (ana), its agent and a stranger (eve), and steps
 * that log versions, plans, authorisations and promotions without the command line or any target,
 * well or as a forger would.
 */
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/change.h"
#include "registry/import.h"
#include "registry/ledger.h"
#include "registry/plan.h"
#include "registry/statement.h"

#define MODEL "face-detect"

struct site {
	char path[64];
	char *dir;
	struct registry *r;
	struct secret_key *ana, *agent, *eve;
};

static inline void
ok(int rc, const struct err *e, const char *what)
{
	cr_assert(rc >= 0, "%s: %s %s", what, err_name(e->code), e->msg);
}

static inline struct secret_key *
site_key(uint8_t n)
{
	const uint8_t seed[KEY_SEED_SIZE] = { n };
	struct secret_key *k = key_from_seed(seed);

	cr_assert_not_null(k);
	return k;
}

static inline int
site_try_open(struct site *s, struct err *e)
{
	registry_close(steal(&s->r));
	return registry_open(s->dir, REGISTRY_WRITE, &s->r, e);
}

static inline void
site_reopen(struct site *s)
{
	struct err e = { 0 };

	ok(site_try_open(s, &e), &e, "open");
}

/* --- one entry --- */

static inline int
site_body_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	*ret_body = json_incref(arg);
	return 0;
}

/* Takes body. An envelope without bytes is no statement. */
static inline int
site_try_commit(struct site *s, const char *type, const char *model, json_t *body,
                const struct buf *envelope, struct change_result *ret, struct err *e)
{
	const struct change c = { .type = type,
		                  .model = model,
		                  .check = site_body_check,
		                  .arg = body,
		                  .statement = envelope ? buf_str(envelope)
		                                        : (struct str){ NULL, 0 } };
	int rc;

	cr_assert_not_null(body, "%s", type);
	rc = change_commit(s->r, &c, ret, e);
	json_decref(body);
	return rc;
}

static inline struct change_result
site_commit(struct site *s, const char *type, const char *model, json_t *body,
            const struct buf *envelope)
{
	struct change_result done;
	struct err e = { 0 };

	ok(site_try_commit(s, type, model, body, envelope, &done, &e), &e, type);
	cr_assert(done.changed);
	return done;
}

static inline void
site_label(struct site *s, const char *key, const char *value)
{
	site_commit(s, "label", MODEL,
	            json_pack("{s:n, s:[], s:{s:s}}", "number", "remove", "set", key, value), NULL);
}

/* --- the site --- */

/* Takes doc. */
static inline void
site_policy(struct site *s, json_t *doc, const struct secret_key *by)
{
	cleanup_buf struct buf text = { 0 }, envelope = { 0 };
	struct digest d;
	struct err e = { 0 };

	json_canonical(doc, &text);
	digest_small(text.p, text.n, &d);
	if (by)
		ok(statement_sign("policy", "policy", &d, doc, by, &envelope, &e), &e, "policy");
	site_commit(s, "policy", NULL,
	            json_pack("{s:o, s:O}", "digest", json_from_digest(&d), "version",
	                      json_object_get(doc, "version")),
	            by ? &envelope : NULL);
	json_decref(doc);
}

static inline void
site_make(struct site *s)
{
	char id[REGISTRY_ID_SIZE];
	struct err e = { 0 };

	*s = (struct site){ .path = "/tmp/slipway-site-XXXXXX" };
	cr_assert_eq(crypto_init(), 0);
	cr_assert_not_null(mkdtemp(s->path));
	s->dir = xasprintf("%s/registry", s->path);
	cr_assert_eq(setenv("XDG_STATE_HOME", s->path, 1), 0);
	cr_assert_eq(unsetenv("SLIPWAY_PIN"), 0);
	s->ana = site_key(1);
	s->agent = site_key(2);
	s->eve = site_key(3);
	ok(registry_create(s->dir, id, &e), &e, "create");
	site_reopen(s);
	site_policy(s, policy_solo(s->r->id, "ana", &s->ana->pub, &s->agent->pub, 1000), s->ana);
}

static inline int
site_remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	return remove(path);
}

static inline void
site_leave(struct site *s)
{
	registry_close(s->r);
	key_free(s->ana);
	key_free(s->agent);
	key_free(s->eve);
	free(s->dir);
	(void)nftw(s->path, site_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void
site_pin(struct site *s)
{
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	ok(ledger_save_pin(s->r, &l, &e), &e, "pin");
	ledger_fini(&l);
	site_reopen(s);
}

/* --- versions, plans, promotions --- */

static inline json_t *
site_version_predicate(struct site *s, const struct manifest *m)
{
	struct digest fileset, oms;

	manifest_fileset_digest(m, &fileset);
	manifest_oms_root(m, &oms);
	return json_pack("{s:I, s:I, s:o, s:s, s:o, s:s}", "bytes", (json_int_t)m->bytes, "files",
	                 (json_int_t)m->n, "fileset", json_from_digest(&fileset), "model", MODEL,
	                 "oms_root", json_from_digest(&oms), "registry", s->r->id);
}

/* A version of one file with this text. */
static inline struct digest
site_version(struct site *s, uint64_t number, const char *text)
{
	cleanup_free char *file = xasprintf("%s/model.bin", s->path);
	cleanup_buf struct buf envelope = { 0 };
	cleanup_json json_t *predicate = NULL;
	struct import_tree t = { 0 };
	struct digest ret;
	struct err e = { 0 };
	char id[KEY_ID_SIZE];

	ok(fs_write_at(AT_FDCWD, file, text, strlen(text), 0644, &e), &e, "write");
	ok(import_tree(s->r->blobs, file, NULL, &t, &e), &e, "import");
	predicate = site_version_predicate(s, &t.manifest);
	ok(statement_sign("version", MODEL, &t.manifest_digest, predicate, s->ana, &envelope, &e),
	   &e, "sign");
	key_id(&s->ana->pub, id);
	site_commit(s, "version", MODEL,
	            json_pack("{s:I, s:o, s:I, s:s, s:I, s:s}", "bytes",
	                      (json_int_t)t.manifest.bytes, "digest",
	                      json_from_digest(&t.manifest_digest), "files",
	                      (json_int_t)t.manifest.n, "key", id, "number", (json_int_t)number,
	                      "signer", "ana"),
	            &envelope);
	ret = t.manifest_digest;
	import_tree_fini(&t);
	return ret;
}

static inline int
site_intend(struct site *s, const char *kind, const struct digest *version, const char *stage,
            struct plan *ret, struct err *e)
{
	struct ledger l;
	int rc = ledger_open(s->r, &l, e);

	if (rc < 0)
		return rc;
	rc = plan_intend(s->r, &l, kind, MODEL, version, stage, ret, e);
	ledger_fini(&l);
	return rc;
}

/* Made, stored as a blob, logged. */
static inline void
site_plan(struct site *s, const char *kind, const struct digest *version, const char *stage,
          struct plan *ret)
{
	struct digest d;
	struct err e = { 0 };

	cr_assert_eq(site_intend(s, kind, version, stage, ret, &e), 0, "%s", e.msg);
	ok(plan_seal(ret, &e), &e, "seal");
	ok(blob_put_mem(s->r->blobs, ret->text.p, ret->text.n, &d, NULL, &e), &e, "put");
	cr_assert(digest_eq(&d, &ret->id));
	site_commit(s, "plan", MODEL,
	            json_pack("{s:o, s:s, s:I, s:s}", "id", json_from_digest(&ret->id), "kind",
	                      ret->kind, "number", (json_int_t)ret->number, "stage", ret->stage),
	            NULL);
}

static inline struct change_result
site_authorise(struct site *s, const struct plan *p, const struct digest *subject,
               const struct secret_key *by)
{
	cleanup_json json_t *predicate = json_pack("{s:s}", "registry", s->r->id);
	cleanup_buf struct buf envelope = { 0 };
	struct err e = { 0 };

	if (by)
		ok(statement_sign("authorisation", "plan", subject, predicate, by, &envelope, &e),
		   &e, "sign");
	return site_commit(s, "authorisation", MODEL,
	                   json_pack("{s:o}", "plan", json_from_digest(&p->id)),
	                   by ? &envelope : NULL);
}

static inline json_t *
site_place(const struct digest *leaf, uint64_t seq)
{
	if (digest_is_zero(leaf))
		return json_null();
	return json_pack("{s:o, s:I}", "leaf", json_from_digest(leaf), "seq", (json_int_t)seq);
}

/* What the agent would say of p, after `now`, allowed by `by`. */
static inline json_t *
site_promotion_predicate(struct site *s, const struct plan *p, const struct promotion *now,
                         const struct change_result *by)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:s, s:o, s:o, s:[s], s:[]}",
	                 "registry", s->r->id, "model", p->model, "stage", p->stage, "kind",
	                 p->kind, "number", (json_int_t)p->number, "version",
	                 p->empty ? json_null() : json_from_digest(&p->version), "plan",
	                 json_from_digest(&p->id), "job", "0123456789abcdef", "previous",
	                 site_place(&now->leaf, now->seq), "authorisation",
	                 site_place(&by->leaf, by->seq), "proofs", "object", "targets");
}

/* The entry around an envelope; the body says what the plan says. */
static inline struct change_result
site_promotion_entry(struct site *s, const struct plan *p, const struct buf *envelope)
{
	return site_commit(s, "promotion", MODEL,
	                   json_pack("{s:o, s:s, s:s, s:I, s:o, s:[s], s:s, s:i}", "digest",
	                             p->empty ? json_null() : json_from_digest(&p->version), "job",
	                             "0123456789abcdef", "kind", p->kind, "number",
	                             (json_int_t)p->number, "plan", json_from_digest(&p->id),
	                             "proofs", "object", "stage", p->stage, "targets", 0),
	                   envelope);
}

static inline struct promotion
site_stage(struct site *s, const char *stage)
{
	struct promotion now;
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	ok(ledger_stage(s->r, &l, MODEL, stage, &now, &e), &e, "stage");
	ledger_fini(&l);
	return now;
}

/* The whole way of a plan that was already logged, as ana and the agent would go it. */
static inline void
site_apply(struct site *s, const struct plan *p)
{
	const struct promotion now = site_stage(s, p->stage);
	const struct change_result by = site_authorise(s, p, &p->id, s->ana);
	cleanup_json json_t *predicate = site_promotion_predicate(s, p, &now, &by);
	cleanup_buf struct buf envelope = { 0 };
	struct err e = { 0 };

	ok(statement_sign("promotion", MODEL, p->empty ? &p->id : &p->version, predicate, s->agent,
	                  &envelope, &e),
	   &e, "sign");
	site_promotion_entry(s, p, &envelope);
}

static inline void
site_move(struct site *s, const char *kind, const struct digest *version, const char *stage)
{
	struct plan p;

	site_plan(s, kind, version, stage, &p);
	site_apply(s, &p);
	plan_fini(&p);
}
