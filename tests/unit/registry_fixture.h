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
#include "registry/log.h"
#include "registry/plan.h"
#include "registry/records.h"
#include "registry/statement.h"
#include "tests/unit/solo.h"

#define MODEL "face-detect"

struct site {
	char path[64];
	char *dir;
	struct registry *r;
	struct secret_key *ana, *agent, *eve;
	bool forges; /* lines are appended by hand, also those that puts refuse */
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
		                  .statement =
		                          envelope ? buf_str(envelope) : (struct str){ NULL, 0 } };
	int rc;

	cr_assert_not_null(body, "%s", type);
	rc = change_commit(s->r, &c, ret, e);
	json_decref(body);
	return rc;
}

/* The members around a body that make an entry the next of its model, now. */
static inline json_t *
site_entry(struct site *s, const char *type, const char *model, json_t *body)
{
	struct model_row m = { 0 };
	struct applied a;
	struct txn *t;
	struct err e = { 0 };
	bool continues = false;

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(applied_get(t, &a, &e), &e, "applied");
	if (model)
		continues = model_get(t, model, &m, &e) == 0;
	store_abort(t);
	json_t *n =
	        json_pack("{s:o, s:{}, s:I, s:s, s:s}", "body", body, "by", "policy",
	                  (json_int_t)a.policy_seq, "time", "2026-01-02T03:04:05Z", "type", type);
	json_object_set_new(n, "previous",
	                    continues ? json_integer((json_int_t)m.last_seq) : json_null());
	if (model)
		json_object_set_new(n, "model", json_string(model));
	return n;
}

/* As whoever can write the folder would: a whole line with a good hash, behind the program's back.
 * Takes entry. */
static inline struct change_result
site_append(struct site *s, json_t *entry)
{
	cleanup_free char *path = xasprintf("%s/log/00000001.log", s->dir);
	cleanup_close int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	cleanup_buf struct buf json = { 0 }, line = { 0 };
	struct change_result done = { .changed = true };
	struct applied a;
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(applied_get(t, &a, &e), &e, "applied");
	store_abort(t);
	done.seq = a.entries;
	json_canonical(entry, &json);
	json_decref(entry);
	ok(log_format(done.seq, buf_str(&json), &line, &done.leaf, &e), &e, "line");
	cr_assert_eq(fs_write_all(fd, line.p, line.n), 0);
	ok(change_replay(s->r, &e), &e, "replay");
	return done;
}

static inline struct change_result
site_forge(struct site *s, const char *type, const char *model, json_t *body,
           const struct buf *envelope)
{
	json_t *n = site_entry(s, type, model, body), *statement = NULL;
	struct err e = { 0 };

	if (envelope) {
		ok(json_parse(buf_str(envelope), "envelope", &statement, &e), &e, "envelope");
		json_object_set_new(n, "statement", statement);
	}
	return site_append(s, n);
}

static inline struct change_result
site_commit(struct site *s, const char *type, const char *model, json_t *body,
            const struct buf *envelope)
{
	struct change_result done;
	struct err e = { 0 };

	if (s->forges)
		return site_forge(s, type, model, body, envelope);
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

/* Its people have keys of their own. */
static inline void
site_make_as(struct site *s, uint8_t first_key)
{
	char id[REGISTRY_ID_SIZE];
	struct err e = { 0 };

	*s = (struct site){ .path = "/tmp/slipway-site-XXXXXX" };
	cr_assert_eq(crypto_init(), 0);
	cr_assert_not_null(mkdtemp(s->path));
	s->dir = xasprintf("%s/registry", s->path);
	cr_assert_eq(setenv("XDG_STATE_HOME", s->path, 1), 0);
	cr_assert_eq(unsetenv("SLIPWAY_PIN"), 0);
	s->ana = site_key(first_key);
	s->agent = site_key((uint8_t)(first_key + 1));
	s->eve = site_key((uint8_t)(first_key + 2));
	ok(registry_create(s->dir, id, &e), &e, "create");
	site_reopen(s);
	site_policy(s, solo_policy(s->r->id, "ana", &s->ana->pub, &s->agent->pub, 1000), s->ana);
}

static inline void
site_make(struct site *s)
{
	site_make_as(s, 1);
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

/* --- targets --- */

/* What a deployer signs about a target entry's body, behind the entry with that leaf. */
static inline void
site_target_sign(struct site *s, const json_t *body, const struct digest *previous,
                 const struct secret_key *by, struct buf *ret)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o =
	        json_pack("{s:O, s:O, s:o, s:s}", "action", json_object_get(body, "action"), "name",
	                  json_object_get(body, "name"), "previous",
	                  digest_is_zero(previous) ? json_null() : json_from_digest(previous),
	                  "registry", s->r->id);
	struct digest subject;
	struct err e = { 0 };

	json_canonical(body, &text);
	digest_small(text.p, text.n, &subject);
	ok(statement_sign("target", "target", &subject, o, by, ret, &e), &e, "sign");
}

/* NULL path: it is removed. */
static inline json_t *
site_target_body(const char *name, const char *path)
{
	if (!path)
		return json_pack("{s:s, s:s}", "action", "remove", "name", name);
	return json_pack("{s:s, s:s, s:{s:s, s:i, s:s, s:{}, s:s}}", "action", "add", "name", name,
	                 "target", "driver", "directory", "order", 1, "path", path, "settings",
	                 "stage", "staging");
}

static inline struct change_result
site_target(struct site *s, const char *name, const char *path, const struct digest *previous)
{
	json_t *body = site_target_body(name, path);
	cleanup_buf struct buf envelope = { 0 };

	site_target_sign(s, body, previous, s->ana, &envelope);
	return site_commit(s, "target", NULL, body, &envelope);
}

/* --- versions, plans, promotions --- */

static inline json_t *
site_version_predicate(struct site *s, const char *model, uint64_t number, const struct manifest *m)
{
	struct digest fileset, oms;

	manifest_fileset_digest(m, &fileset);
	manifest_oms_root(m, &oms);
	return json_pack("{s:I, s:I, s:o, s:s, s:I, s:o, s:s}", "bytes", (json_int_t)m->bytes,
	                 "files", (json_int_t)m->n, "fileset", json_from_digest(&fileset), "model",
	                 model, "number", (json_int_t)number, "oms_root", json_from_digest(&oms),
	                 "registry", s->r->id);
}

/* A version of one file with this text. */
static inline struct digest
site_version_of(struct site *s, const char *model, uint64_t number, const char *text)
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
	predicate = site_version_predicate(s, model, number, &t.manifest);
	ok(statement_sign("version", model, &t.manifest_digest, predicate, s->ana, &envelope, &e),
	   &e, "sign");
	key_id(&s->ana->pub, id);
	site_commit(s, "version", model,
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

static inline struct digest
site_version(struct site *s, uint64_t number, const char *text)
{
	return site_version_of(s, MODEL, number, text);
}

/* What somebody signs about a version's lifecycle, behind the entry with that leaf. */
static inline json_t *
site_life_predicate(struct site *s, const char *action, uint64_t number,
                    const struct digest *version, const struct digest *previous)
{
	json_t *o = json_pack("{s:s, s:I, s:o, s:s, s:o}", "model", MODEL, "number",
	                      (json_int_t)number, "previous",
	                      digest_is_zero(previous) ? json_null() : json_from_digest(previous),
	                      "registry", s->r->id, "version", json_from_digest(version));

	if (!streq(action, "delete"))
		json_object_set_new(o, "action", json_string(action));
	return o;
}

static inline json_t *
site_life_body(const char *action, uint64_t number, const struct digest *version)
{
	json_t *body = json_pack("{s:o, s:I}", "digest", json_from_digest(version), "number",
	                         (json_int_t)number);

	if (!streq(action, "delete"))
		json_object_set_new(body, "action", json_string(action));
	return body;
}

/* "retire", "restore", "release" or "delete", by ana: those that need no reason. */
static inline struct change_result
site_life(struct site *s, const char *action, uint64_t number, const struct digest *version,
          const struct digest *previous)
{
	cleanup_json json_t *o = site_life_predicate(s, action, number, version, previous);
	const char *type = streq(action, "delete") ? "delete" : "lifecycle";
	cleanup_buf struct buf envelope = { 0 };
	struct err e = { 0 };

	ok(statement_sign(type, MODEL, version, o, s->ana, &envelope, &e), &e, "sign");
	return site_commit(s, type, MODEL, site_life_body(action, number, version), &envelope);
}

static inline struct change_result
site_delete(struct site *s, uint64_t number, const struct digest *version)
{
	return site_life(s, "delete", number, version, &(struct digest){ 0 });
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

static inline json_t *
site_authorisation_predicate(struct site *s, const struct plan *p)
{
	return json_pack("{s:s, s:s, s:I, s:o, s:i, s:o, s:s, s:s, s:o}", "kind", p->kind, "model",
	                 p->model, "number", (json_int_t)p->number, "plan",
	                 json_from_digest(&p->id), "policy", 1, "previous",
	                 digest_is_zero(&p->previous) ? json_null()
	                                              : json_from_digest(&p->previous),
	                 "registry", s->r->id, "stage", p->stage, "version",
	                 p->empty ? json_null() : json_from_digest(&p->version));
}

static inline struct change_result
site_authorise(struct site *s, const struct plan *p, const struct digest *subject,
               const struct secret_key *by)
{
	cleanup_json json_t *predicate = site_authorisation_predicate(s, p);
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

/* A job's entry, a beginning signed by `by` (NULL: unsigned, as ends are); what came of it. */
static inline int
site_job(struct site *s, const struct plan *p, const char *event, const char *state, const char *id,
         const struct secret_key *by, struct err *e)
{
	cleanup_json json_t *predicate = json_pack(
	        "{s:s, s:s, s:s, s:I, s:o, s:s, s:s}", "event", event, "id", id, "kind", p->kind,
	        "number", (json_int_t)p->number, "plan", json_from_digest(&p->id), "stage",
	        p->stage, "state", state);
	json_t *body = json_deep_copy(predicate);
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done;

	json_object_set_new(predicate, "model", json_string(p->model));
	json_object_set_new(predicate, "registry", json_string(s->r->id));
	if (by)
		ok(statement_sign("job", id, &p->id, predicate, by, &envelope, e), e, "sign");
	if (!s->forges)
		return site_try_commit(s, "job", MODEL, body, by ? &envelope : NULL, &done, e);
	site_commit(s, "job", MODEL, body, by ? &envelope : NULL);
	return 0;
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
