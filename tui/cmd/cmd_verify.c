/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: the signature of a version's statement under the policy in force, the manifest it is
 * about, and every file's bytes. What nobody looked at is printed as "not checked". With --all each
 * version is looked at, and one that fails makes the whole fail. With --oms: verify_oms.c.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/base/vec.h"
#include "registry/checked.h"
#include "registry/ledger.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"
#include "tui/cmd/verify_oms.h"

#define NOT_CHECKED "not checked"

struct verify {
	struct app *app;
	VEC(struct version_row)
	wanted; /* gathered first: hashing takes hours, a transaction must not */
	struct ledger ledger;
	struct err first; /* of the versions that failed */
	uint64_t n, failed;
	bool is_all;
};

struct bad_file { /* the first one of the manifest */
	size_t at;
	struct err why;
};

static int
take_file(void *arg, size_t i, const struct err *why)
{
	struct bad_file *const bad = arg;

	if (!why)
		return 0;
	if (bad->why.code == ERR_OK || i < bad->at)
		*bad = (struct bad_file){ .at = i, .why = *why };
	return -(int)why->code;
}

static int
hash_files(struct verify *v, const struct manifest *m, struct err *e)
{
	const struct progress p = out_progress(v->app->out);
	struct blob_claim *const claims = xcalloc(m->n, sizeof *claims);
	struct bad_file bad = { 0 };
	int rc;

	for (size_t i = 0; i < m->n; i++)
		claims[i] = (struct blob_claim){ &m->files[i].digest, m->files[i].size };
	rc = blob_verify_all(v->app->registry->blobs, claims, m->n, m->bytes, &p, take_file, &bad,
	                     e);
	free(claims);
	out_progress_done(v->app->out);
	if (bad.why.code == ERR_OK)
		return rc;
	*e = bad.why;
	(void)blob_promised(-(int)e->code, e);
	return err_prefix(e, "file \"%s\"", m->files[bad.at].path);
}

static const struct out_column columns[] = {
	{ "VERSION", "version", OUT_LEFT, false, true },
	{ "SIGNATURE", "signature", OUT_LEFT, false, false },
	{ "SIGNER", "signer", OUT_LEFT, false, false },
	{ "BYTES", "content", OUT_LEFT, false, false },
	{ "SIZE", "bytes", OUT_RIGHT, false, false },
	{ "SCAN", "scan", OUT_LEFT, false, false },
	{ "EVIDENCE", "evidence", OUT_LEFT, false, false },
	{ "WITNESS", "witness", OUT_LEFT, false, false },
	{ "KEY", "key", OUT_LEFT, true, false },
	{ "DIGEST", "digest", OUT_LEFT, true, false },
	{ "CODE", "code", OUT_LEFT, true, false },
	{ "ERROR", "error", OUT_LEFT, true, false },
	{ "LIFECYCLE", "lifecycle", OUT_LEFT, true, false },
};

/* a NULL: the signature or what it is about failed, and nothing behind it was looked at. */
static void
row(struct verify *v, const struct version_row *r, const struct admitted *a, const struct err *why)
{
	struct out *const o = v->app->out;
	char name[VERSION_NAME_SIZE];

	version_name(r->model, r->number, name);
	out_cell(o, name);
	out_cell(o, a ? "ok" : "FAILED");
	out_cell(o, a ? a->signer : NULL);
	out_cell(o, !a ? NOT_CHECKED : why && why->code != ERR_POLICY ? "FAILED" : "ok");
	out_cell_size(o, r->bytes);
	out_cell(o, NOT_CHECKED);
	out_cell(o, NOT_CHECKED);
	out_cell(o, NOT_CHECKED);
	out_cell(o, a ? a->key_id : NULL);
	out_cell_digest(o, &r->digest);
	out_cell(o, why ? err_name(why->code) : NULL);
	out_cell(o, why ? why->msg : NULL);
	out_cell(o, a ? lifecycle_name(a->standing.state.life) : NULL);
}

/* Its bytes may be what they were; it must not be served all the same. */
static int
check_standing(struct verify *v, const struct version_row *r, const struct admitted *a,
               struct err *e)
{
	if (a->standing.state.life != LIFE_REVOKED)
		return 0;
	return ledger_refuse_withdrawn(v->app->registry, &v->ledger, r->model, a->number,
	                               &a->standing, e);
}

static void
remember(struct verify *v, const struct version_row *r, struct err *why)
{
	char name[VERSION_NAME_SIZE];

	version_name(r->model, r->number, name);
	(void)err_prefix(why, "verify %s", name);
	if (v->failed++ == 0)
		v->first = *why;
}

/* What was found, for who only looks; a disk that fails has found nothing. */
static void
keep(const struct verify *v, const struct version_row *r, uint64_t bytes, const struct err *why)
{
	if (why->code == ERR_OK || why->code == ERR_POLICY ||
	    err_exit_of(why->code) == err_exit_of(ERR_DIGEST))
		checked_save(v->app->registry->id, r->model, &r->digest, bytes,
		             v->ledger.policy.seq, why);
}

static void
verify_row(struct verify *v, const struct version_row *r)
{
	struct admitted a = { 0 };
	struct err why = { 0 };

	v->n++;
	if (ledger_version_any(v->app->registry, &v->ledger, r->model, &r->digest, &a, &why) < 0) {
		remember(v, r, &why);
		keep(v, r, 0, &why);
		row(v, r, NULL, &why);
		return;
	}
	if (hash_files(v, &a.manifest, &why) < 0 || check_standing(v, r, &a, &why) < 0)
		remember(v, r, &why);
	keep(v, r, a.manifest.bytes, &why);
	row(v, r, &a, why.code != ERR_OK ? &why : NULL);
	admitted_fini(&a);
}

struct all {
	struct verify *v;
	struct txn *txn;
	struct err *e;
};

static int
want(void *arg, const struct version_row *r)
{
	struct verify *const v = arg;

	if (!v->is_all || r->state.life == LIFE_LIVE || r->state.life == LIFE_RETIRED)
		vec_push(&v->wanted, *r);
	return 0;
}

static int
want_model(void *arg, const struct model_row *m)
{
	const struct all *const w = arg;

	return version_each(w->txn, m->name, 0, want, w->v, w->e);
}

static int
want_refs(struct verify *v, struct txn *t, const struct args *in, struct err *e)
{
	struct version_row r;
	int rc = 0;

	for (size_t i = 0; i < in->pos_n && rc == 0; i++) {
		rc = ref_find(t, in->pos[i], &r, e);
		if (rc == 0)
			rc = version_is_live(&r, e);
		if (rc == 0)
			(void)want(v, &r);
	}
	return rc;
}

static int
gather(struct verify *v, const struct args *in, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct all w = { .v = v, .e = e };
	int rc;

	rc = store_read_begin(v->app->registry->store, &t, e);
	if (rc < 0)
		return rc;
	w.txn = t;
	return arg_flag(in, "--all") ? model_each(t, NULL, want_model, &w, e)
	                             : want_refs(v, t, in, e);
}

static int
verify_wanted(struct verify *v, struct err *e)
{
	out_table_begin(v->app->out, "VerificationList", columns, COUNT(columns));
	vec_foreach(r, &v->wanted)
		verify_row(v, r);
	out_table_end(v->app->out);
	if (v->failed == 0)
		return 0;
	*e = v->first;
	if (v->n > 1)
		(void)err_prefix(e, "%" PRIu64 " of %" PRIu64 " versions failed; the first",
		                 v->failed, v->n);
	return -(int)e->code;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct verify v = { .app = a, .is_all = arg_flag(in, "--all") };
	int rc;

	if (verify_oms_is_meant(in))
		return verify_oms(a, in, e);
	if ((in->pos_n > 0) == arg_flag(in, "--all")) {
		(void)err_set(e, ERR_USAGE, "verify: name versions, or say --all");
		return err_hint(e, "slipway verify REF.. | --all");
	}
	rc = app_open(a, REGISTRY_READ, e);
	if (rc == 0)
		rc = ledger_open(a->registry, &v.ledger, e);
	if (rc == 0)
		rc = gather(&v, in, e);
	if (rc == 0)
		rc = verify_wanted(&v, e);
	if (rc == 0)
		rc = ledger_save_pin(a->registry, &v.ledger, e);
	vec_fini(&v.wanted);
	ledger_fini(&v.ledger);
	return rc;
}

static const struct opt opts[] = {
	{ "--all", 0, NULL, "every version that is neither revoked nor deleted", false },
	{ "--oms", 0, "FILE", "a bundle of OpenSSF Model Signing", false },
	{ "--oms-key", 0, "PEM", "the public key that it must be signed with", false },
	{ "--oms-cert", 0, "PEM", "or roots that its certificate must lead to", false },
	{ "--oms-allow", 0, "WHAT", "no refusal for: extra, ignored", true },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_verify = {
	.name = "verify",
	.args = "REF.. | --all | DIR|REF --oms FILE",
	.summary = "check signature, manifest and every byte of versions",
	.group = "trust",
	.opts = opts,
	.max_pos = 1024,
	.run = run, /* opens the registry itself: a folder is verified without one */
	.examples = "  slipway verify fraud-ranker@production\n"
	            "  slipway verify --all -o json\n"
	            "  slipway verify ./model --oms model.sig --oms-key vendor.pub.pem\n",
};
