/* SPDX-License-Identifier: Apache-2.0 */
/* What `bundle build` was asked for: versions, for whom, how large, what the other side has. */
#include "tui/cmd/bundle_ask.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/bundle_entry.h"
#include "registry/bundle_media.h"
#include "registry/proof.h"
#include "registry/receipt.h"
#include "registry/ref.h"

#define DAYS_MAX 400

/* --- what is asked for --- */

static int
by_version(const void *a, const void *b)
{
	const struct version_row *const x = a, *const y = b;
	const int rc = strcmp(x->model, y->model);

	return rc != 0 ? rc : x->number < y->number ? -1 : x->number > y->number;
}

struct stage_walk {
	struct bundle_ask *b;
	const char *stage;
	struct txn *t;
	struct err *e;
};

static int
take_stage(void *arg, const struct model_row *m)
{
	struct stage_walk *const w = arg;
	const struct stage_mark *const s = model_stage(m, w->stage);
	struct version_row v;
	int rc;

	if (!s || s->number == 0)
		return 0;
	rc = version_get(w->t, m->name, s->number, &v, w->e);
	if (rc == 0)
		vec_push(&w->b->versions, v);
	return rc;
}

static int
find_one(struct bundle_ask *b, struct txn *t, const char *text, const char *stage, struct err *e)
{
	cleanup_free char *ref =
	        stage && !strchr(text, '@') ? xasprintf("%s@%s", text, stage) : xstrdup(text);
	struct version_row v;
	int rc = ref_find(t, ref, &v, e);

	if (rc == 0)
		vec_push(&b->versions, v);
	return rc;
}

int
bundle_ask_versions(struct bundle_ask *b, struct app *a, const struct args *in, struct err *e)
{
	const char *const stage = arg_value(in, "--stage");
	cleanup_txn struct txn *t = NULL;
	size_t kept = 0;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc == 0 && in->pos_n == 0 && stage) {
		struct stage_walk w = { .b = b, .stage = stage, .t = t, .e = e };
		rc = model_each(t, NULL, take_stage, &w, e);
	}
	for (size_t i = 0; rc == 0 && i < in->pos_n; i++)
		rc = find_one(b, t, in->pos[i], stage, e);
	if (rc < 0)
		return rc;
	if (b->versions.n == 0)
		return err_set(e, ERR_NOT_FOUND, "no model has a version in %s", stage);
	qsort(b->versions.v, b->versions.n, sizeof *b->versions.v, by_version);
	for (size_t i = 0; i < b->versions.n; i++)
		if (kept == 0 || by_version(&b->versions.v[kept - 1], &b->versions.v[i]) != 0)
			b->versions.v[kept++] = b->versions.v[i];
	b->versions.n = kept;
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
take_recipients(struct bundle_ask *b, const struct args *in, struct err *e)
{
	size_t kept = 0;

	args_foreach(id, in, "--recipient") {
		struct bundle_recipient one;

		if (strspn(id, "0123456789abcdef") != 32 ||
		    str_copy(one.id, sizeof one.id, id) < 0) {
			(void)err_set(e, ERR_USAGE, "--recipient: \"%s\" is no registry id", id);
			return err_hint(e, "32 hex digits, as `slipway doctor` shows them there");
		}
		vec_push(&b->recipients, one);
	}
	if (b->recipients.n > BUNDLE_RECIPIENTS_MAX)
		return err_set(e, ERR_USAGE, "more than %u recipients", BUNDLE_RECIPIENTS_MAX);
	if (b->recipients.n > 1)
		qsort(b->recipients.v, b->recipients.n, sizeof *b->recipients.v, by_text);
	for (size_t i = 0; i < b->recipients.n; i++)
		if (kept == 0 || !streq(b->recipients.v[kept - 1].id, b->recipients.v[i].id))
			b->recipients.v[kept++] = b->recipients.v[i];
	b->recipients.n = kept;
	return 0;
}

static int
take_split(struct bundle_ask *b, const struct args *in, struct err *e)
{
	const char *const split = arg_value(in, "--split");

	if (!split)
		return 0;
	if (parse_size(split, &b->split) < 0 || b->split < BUNDLE_SPLIT_MIN)
		return err_set(e, ERR_USAGE, "--split: \"%s\" is no size of 16K or more", split);
	return 0;
}

static int
take_numbers(struct bundle_ask *b, const struct args *in, struct err *e)
{
	const char *const since = arg_value(in, "--since"), *const days =
	                                                            arg_value(in, "--expires");
	uint64_t ms;

	b->days = BUNDLE_DAYS;
	if (since && (parse_u64(since, UINT32_MAX, &b->since) < 0 || b->since == 0))
		return err_set(e, ERR_USAGE, "--since: \"%s\" is no number of a bundle", since);
	if (!days)
		return 0;
	if (parse_duration_ms(days, &ms) < 0 || ms < 24 * 3600 * 1000 ||
	    ms / (24 * 3600 * 1000) > DAYS_MAX)
		return err_set(e, ERR_USAGE, "--expires: \"%s\" is not 1d to %dd", days, DAYS_MAX);
	b->days = ms / (24 * 3600 * 1000);
	return 0;
}

/* --- what the other side has --- */

static void
for_registry(struct bundle_ask *b, const char *id)
{
	struct bundle_recipient one;

	if (str_copy(one.id, sizeof one.id, id) == 0 && b->recipients.n == 0)
		vec_push(&b->recipients, one);
}

/* A wish is not signed: what it says came last must be what was built here. */
static int
take_want(struct bundle_ask *b, struct app *a, const json_t *want, const char *path, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	const json_t *one;
	const char *id = NULL;
	json_t *sites;
	size_t i;
	int rc = json_get_string(want, "registry", path, &id, e);

	if (rc == 0)
		rc = json_get_array(want, "sites", path, &sites, e);
	if (rc == 0)
		rc = store_read_begin(a->registry->store, &t, e);
	if (rc < 0)
		return rc;
	for_registry(b, id);
	json_array_foreach(sites, i, one)
	{
		struct bundle_claim c;
		struct digest inventory;

		if (!streq(json_opt_string(one, "registry"), a->registry->id))
			continue;
		rc = json_get_digest(one, "inventory", path, &inventory, e);
		if (rc < 0)
			return rc;
		rc = bundle_row_get(t, BUNDLE_BUILT, a->registry->id, json_opt_u64(one, "counter"),
		                    &c, e);
		if (rc < 0 && rc != -ERR_NOT_FOUND)
			return rc;
		if (rc < 0 || !digest_eq(&inventory, &c.inventory))
			return err_set(e, ERR_DIGEST,
			               "\"%s\" names a bundle that was not built here", path);
		b->since = c.counter;
	}
	return 0;
}

static int
take_receipt(struct bundle_ask *b, struct app *a, const struct ledger *l, struct str text,
             const char *path, struct err *e)
{
	struct receipt_came came;
	int rc = receipt_read(a->registry, l, text, &came, e);

	if (rc < 0)
		return err_prefix(e, "\"%s\"", path);
	b->since = came.last;
	for_registry(b, came.registry_id);
	return 0;
}

int
bundle_ask_other_side(struct bundle_ask *b, struct app *a, const struct ledger *l,
                      const struct args *in, struct err *e)
{
	const char *const path = arg_value(in, "--for");
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	const char *kind;
	int rc;

	if (!path)
		return 0;
	if (b->since > 0)
		return err_set(e, ERR_USAGE,
		               "--for says what the other side has, as --since does: "
		               "one of them");
	rc = fs_read_at(AT_FDCWD, path, PROOF_MAX, &text, e);
	if (rc == 0)
		rc = json_parse(buf_str(&text), path, &o, e);
	if (rc < 0)
		return rc;
	kind = json_opt_string(o, "kind");
	if (streq(kind, "BundleReceipt"))
		return take_receipt(b, a, l, buf_str(&text), path, e);
	if (streq(kind, "BundleWant"))
		return take_want(b, a, o, path, e);
	(void)err_set(e, ERR_MALFORMED, "\"%s\" does not say what the other side has", path);
	return err_hint(e, "a file of `slipway bundle receipt` or `slipway bundle want` there");
}

int
bundle_ask_options(struct bundle_ask *b, const struct args *in, struct err *e)
{
	int rc = take_numbers(b, in, e);

	if (rc == 0)
		rc = take_split(b, in, e);
	return rc < 0 ? rc : take_recipients(b, in, e);
}

void
bundle_ask_fini(struct bundle_ask *b)
{
	vec_fini(&b->versions);
	vec_fini(&b->recipients);
}
