/* SPDX-License-Identifier: Apache-2.0 */
/* bundle import, list: what comes from other sites, as far as the policy here believes them. */
#include "tui/cmd/bundle.h"

#include <inttypes.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "registry/bundle_import.h"
#include "registry/proof.h"
#include "registry/receipt.h"
#include "tui/cmd/fingerprint.h"
#include "tui/cmd/shown.h"

struct bring {
	struct app *app;
	struct ledger ledger;
	struct bundle_input input;
	struct bundle bundle;
	struct bundle_judged judged;
	bool is_judged;
	const struct policy_site *site;
	struct bundle_arrived arrived;
};

/* The fingerprint must be one that the policy here names. */
static int
find_site(struct bring *b, struct err *e)
{
	const struct bundle_inventory *const v = &b->bundle.inventory;
	char root[FINGERPRINT_SIZE];

	if (streq(v->registry_id, b->app->registry->id))
		return err_set(e, ERR_CONFLICT, "the bundle was built in this registry");
	b->site = policy_site_by_root(&b->ledger.policy, &v->root);
	if (b->site)
		return 0;
	fingerprint_text(&v->root, root);
	(void)err_set(e, ERR_UNTRUSTED,
	              "\"%s\": the policy does not believe registry %s, whose fingerprint would be "
	              "%s",
	              bundle_source_at(b->input.source, 0, NULL), v->registry_id, root);
	return err_hint(e, "slipway policy trust-site NAME --root FINGERPRINT, with the one that "
	                   "people there told you");
}

static int
judge(struct bring *b, struct err *e)
{
	struct bundle_expect x = { .self = b->app->registry->id, .now_s = clock_now_s() };
	int rc = find_site(b, e);

	if (rc == 0)
		rc = ledger_bundle(&b->ledger, b->bundle.inventory.registry_id, &x.seen, e);
	if (rc < 0)
		return rc;
	x.root = &b->site->root;
	rc = bundle_judge(&b->bundle, &x, &b->judged, e);
	b->is_judged = rc == 0;
	return rc < 0 ? bundle_source_blame(b->input.source, 0, e) : 0;
}

static void
show(const struct bring *b)
{
	struct out *const o = b->app->out;
	cleanup_buf struct buf line = { 0 };
	char name[VERSION_NAME_SIZE];
	struct json_out *j;

	out_object_begin(o, "BundleImport");
	j = out_object_json(o);
	if (j) {
		bundle_json(j, &b->bundle);
		jo_string(j, "site", b->site->name);
		jo_string(j, "signer", b->judged.signer);
		jo_bool(j, "changed", b->arrived.changed);
		jo_u64(j, "newVersions", b->arrived.versions_new);
		jo_u64(j, "newBytes", b->arrived.new_bytes);
	}
	bundle_line(&b->bundle, &line);
	for (size_t i = 0; !j && i < b->bundle.inventory.versions_n; i++) {
		const struct bundle_version *const v = &b->bundle.inventory.versions[i];

		version_name(v->model, v->number, name);
		out_text(o, "%s\n", name);
	}
	out_object_end(o);
	if (b->arrived.changed)
		out_note(o, "%s; from %s, signed by %s", buf_cstr(&line), b->site->name,
		         b->judged.signer);
	else
		out_note(o, "%s; all of it came before", buf_cstr(&line));
}

static int
bring(struct bring *b, struct err *e)
{
	const struct progress progress = out_progress(b->app->out);
	int rc = bundle_read_front(b->input.source, &b->bundle, e);

	if (rc == 0)
		rc = ledger_open(b->app->registry, &b->ledger, e);
	if (rc == 0)
		rc = judge(b, e);
	if (rc == 0)
		rc = bundle_import(b->app->registry, &b->ledger, b->input.source, &b->bundle,
		                   &b->judged, &progress, b->app->reason, &b->arrived, e);
	out_progress_done(b->app->out);
	if (rc < 0)
		return rc;
	if (b->arrived.changed)
		ledger_remember(b->app->registry, &b->ledger);
	show(b);
	return 0;
}

/* --- a receipt --- */

static void
show_receipt(struct app *a, const struct receipt_came *c)
{
	struct json_out *j;

	out_object_begin(a->out, "ReceiptImport");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "site", c->site);
		jo_string(j, "registry", c->registry_id);
		jo_u64(j, "bundles", c->bundles);
		jo_u64(j, "lastBundle", c->last);
		jo_u64(j, "versions", c->versions);
		jo_u64(j, "promotions", c->promotions);
		jo_u64(j, "news", c->news);
		jo_bool(j, "changed", c->changed);
	}
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", c->site);
	else
		out_text(a->out,
		         "receipt of %s: bundles up to %" PRIu64 ", %" PRIu64 " version%s, %" PRIu64
		         " promotion%s%s\n",
		         c->site, c->last, c->versions, c->versions == 1 ? "" : "s", c->promotions,
		         c->promotions == 1 ? "" : "s", c->changed ? "" : "; known already");
}

static int
import_receipt(struct bring *b, struct err *e)
{
	const uint64_t size = bundle_source_size(b->input.source);
	cleanup_buf struct buf text = { 0 };
	struct receipt_came came;
	int rc;

	if (size == 0)
		return err_set(e, ERR_USAGE, "a receipt is taken from a file, not from a pipe");
	if (size > PROOF_MAX)
		return err_set(e, ERR_TOO_BIG, "a receipt of more than %u bytes", PROOF_MAX);
	rc = bundle_source_read(b->input.source, buf_reserve(&text, size), size, 0, e);
	text.n = rc == 0 ? size : 0;
	if (rc == 0)
		rc = ledger_open(b->app->registry, &b->ledger, e);
	if (rc == 0)
		rc = receipt_import(b->app->registry, &b->ledger, buf_str(&text), b->app->reason,
		                    &came, e);
	if (rc < 0)
		return rc;
	if (came.changed)
		ledger_remember(b->app->registry, &b->ledger);
	show_receipt(b->app, &came);
	return 0;
}

/* A receipt is JSON; a tar begins with a name. */
static bool
is_receipt(struct bundle_source *s)
{
	struct err ignored = { 0 };
	char first = '\0';

	return bundle_source_read(s, &first, 1, 0, &ignored) == 0 && first == '{';
}

static int
run_import(struct app *a, const struct args *in, struct err *e)
{
	struct bring b = { .app = a };
	int rc = bundle_input_open(in, &b.input, e);

	if (rc == 0)
		rc = is_receipt(b.input.source) ? import_receipt(&b, e) : bring(&b, e);
	if (b.is_judged)
		bundle_judged_fini(&b.judged);
	bundle_fini(&b.bundle);
	ledger_fini(&b.ledger);
	return bundle_input_close(&b.input, rc, e);
}

static const struct opt import_opts[] = {
	{ "--identity", 0, "FILE", "the key of a medium that age encrypted", false },
	{ 0 },
};

const struct cmd cmd_bundle_import = {
	.name = "bundle",
	.sub = "import",
	.args = "FILE..",
	.summary = "take in a bundle, or a receipt, of a site that the policy believes",
	.group = "bring in",
	.opts = import_opts,
	.min_pos = 1,
	.max_pos = 999,
	.flags = CMD_READS | CMD_CHANGES | CMD_REASON,
	.run = run_import,
	.examples = "  slipway bundle import /media/usb/bundle-3f2a11c0-0003.tar\n",
};

/* --- list --- */

static const struct out_column columns[] = {
	{ "BUNDLE", "counter", OUT_RIGHT, false, true },
	{ "WAY", "way", OUT_LEFT, false, false },
	{ "SITE", "site", OUT_LEFT, false, false },
	{ "VERSIONS", "versions", OUT_RIGHT, false, false },
	{ "SIZE", "size", OUT_RIGHT, false, false },
	{ "SINCE", "since", OUT_RIGHT, false, false },
	{ "AGE", "time", OUT_RIGHT, false, false },
	{ "BY", "signer", OUT_LEFT, false, false },
	{ "EXPIRES", "expires", OUT_LEFT, true, false },
	{ "REGISTRY", "registry", OUT_LEFT, true, false },
	{ "INVENTORY", "inventory", OUT_LEFT, true, false },
};

struct list {
	struct app *app;
	char registry_id[REGISTRY_ID_SIZE];
	uint64_t after; /* the counter of the row before, of that registry; 0: none */
};

static void
gap_row(struct list *l, const struct bundle_claim *c)
{
	struct out *const o = l->app->out;
	const uint64_t missing = l->after - c->counter - 1;
	cleanup_free char *text = xasprintf("%" PRIu64 " never came", missing);

	out_note(o, "bundle%s %" PRIu64 "%s%s of %s never came", missing == 1 ? "" : "s",
	         c->counter + 1, missing == 1 ? "" : " and on, ", missing == 1 ? "" : text,
	         c->site);
}

static int
row(void *arg, const struct bundle_claim *c)
{
	struct list *const l = arg;
	struct out *const o = l->app->out;
	char expires[CLOCK_TEXT_SIZE];

	if (c->way == BUNDLE_IMPORTED && streq(l->registry_id, c->registry_id) &&
	    l->after > c->counter + 1)
		gap_row(l, c);
	(void)str_copy(l->registry_id, sizeof l->registry_id, c->registry_id);
	l->after = c->counter;
	clock_text(expires, c->expires_s);
	out_cell_u64(o, c->counter);
	out_cell_word(o, c->way == BUNDLE_BUILT      ? "out"
	                 : c->way == BUNDLE_IMPORTED ? "in"
	                                             : "receipt");
	out_cell(o, c->way == BUNDLE_BUILT ? NULL : c->site);
	out_cell_u64(o, c->versions);
	out_cell_size(o, c->size);
	if (c->since > 0)
		out_cell_u64(o, c->since);
	else
		out_cell(o, NULL);
	out_cell_time(o, c->time_s);
	out_cell(o, c->signer);
	out_cell(o, expires);
	out_cell(o, c->registry_id);
	out_cell_digest(o, &c->inventory);
	return 0;
}

static int
run_list(struct app *a, const struct args *in, struct err *e)
{
	struct list l = { .app = a };
	struct txn *t;
	int rc = app_read_begin(a, &t, e);

	(void)in;
	if (rc < 0)
		return rc;
	out_table_begin(a->out, "BundleList", columns, COUNT(columns));
	rc = bundle_row_each(t, BUNDLE_IMPORTED, NULL, row, &l, e);
	if (rc == 0)
		rc = bundle_row_each(t, BUNDLE_BUILT, NULL, row, &l, e);
	if (rc == 0)
		rc = bundle_row_each(t, BUNDLE_RECEIPT, NULL, row, &l, e);
	app_read_end(a, t);
	out_table_end(a->out);
	return rc < 0 ? rc : 0;
}

const struct cmd cmd_bundle_list = {
	.name = "bundle",
	.sub = "list",
	.args = "",
	.summary = "bundles that came in and were built, newest first, and which never came",
	.group = "bring in",
	.max_pos = 0,
	.flags = CMD_READS,
	.run = run_list,
};
