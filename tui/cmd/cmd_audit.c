/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit list: the log's entries, newest first, each with whose key stands behind it under the
 * policy that was in force at its place. Who merely had a login is said to be unauthenticated.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "registry/audit.h"
#include "registry/history.h"
#include "registry/near.h"
#include "registry/ref.h"

#define BATCH 64 /* entries a read transaction: the reader of a pipe may think for hours */

struct listing {
	struct app *app;
	struct audit_chain chain;
	const char *type; /* NULL: all */
	uint64_t since, n, max;
};

static const struct out_column columns[] = {
	{ "ENTRY", "sequence", OUT_RIGHT, false, true },
	{ "AGE", "time", OUT_RIGHT, false, false },
	{ "TYPE", "type", OUT_LEFT, false, false },
	{ "MODEL", "model", OUT_LEFT, false, false },
	{ "WHO", "who", OUT_LEFT, false, false },
	{ "WHAT", "what", OUT_LEFT, false, false },
	{ "SIGNATURE", "signature", OUT_LEFT, true, false },
	{ "SIGNER", "signer", OUT_LEFT, true, false },
	{ "KEY", "key", OUT_LEFT, true, false },
	{ "REFUSED", "refused", OUT_LEFT, true, false },
	{ "BREAK-GLASS", "breakGlass", OUT_LEFT, true, false },
	{ "BY", "by", OUT_LEFT, true, false },
	{ "LEAF", "leaf", OUT_LEFT, true, false },
	{ "REASON", "reason", OUT_LEFT, true, false },
};

/* "ana SHA256:0123456789.." */
static void
cell_who(struct out *o, const struct entry *n, const struct audit_who *w)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *whole = NULL;

	if (w->signature == AUDIT_GOOD) {
		cleanup_free char *exact = xasprintf("%s %s", w->person, w->key_id);

		buf_addf(&text, "%s %.17s..", w->person, w->key_id);
		whole = json_string(exact);
	} else {
		buf_adds(&text, w->signature == AUDIT_REFUSED ? "NOT VERIFIED (" : "unsigned (");
		audit_by(n, &text);
		buf_adds(&text, ", unauthenticated)");
		whole = json_from_str(buf_str(&text));
	}
	out_cell_json(o, buf_cstr(&text), whole);
}

static void
row(struct out *o, const struct entry *n, const struct audit_who *w)
{
	const bool is_good = w->signature == AUDIT_GOOD;
	cleanup_buf struct buf what = { 0 };
	cleanup_buf struct buf by = { 0 };
	cleanup_buf struct buf ignored = { 0 };

	history_sentence(n, &what, &ignored);
	audit_by(n, &by);
	out_cell_u64(o, n->seq);
	out_cell_time(o, n->time_s);
	out_cell(o, n->type);
	out_cell(o, n->model);
	cell_who(o, n, w);
	out_cell_str(o, buf_str(&what));
	out_cell(o, audit_signature_name(w->signature));
	out_cell(o, is_good && w->person[0] ? w->person : NULL);
	out_cell(o, is_good ? w->key_id : NULL);
	out_cell(o, w->signature == AUDIT_REFUSED ? w->why.msg : NULL);
	out_cell_json(o, w->is_break_glass ? "yes" : "no",
	              w->is_break_glass ? json_true() : json_false());
	out_cell_json(o, buf_cstr(&by), n->by);
	out_cell_digest(o, &n->leaf);
	out_cell(o, n->reason);
}

/* 1: enough. */
static int
show(void *arg, const struct entry *n)
{
	struct listing *const l = arg;
	struct audit_who who;

	if (n->seq < l->since)
		return 1;
	if (l->type && !streq(l->type, n->type))
		return 0;
	if (l->n++ == l->max)
		return 1;
	audit_who(&l->chain, l->app->registry->id, n, &who);
	row(l->app->out, n, &who);
	return 0;
}

/* Entries below *at, newest first; *at becomes the last one read. */
static int
batch(struct listing *l, uint64_t *at, struct err *e)
{
	struct entry n[BATCH];
	struct txn *t;
	size_t got = 0;
	int rc = store_read_begin(l->app->registry->store, &t, e);

	if (rc < 0)
		return rc;
	while (rc == 0 && got<BATCH && * at> l->since) {
		rc = history_entry(l->app->registry, t, *at - 1, &n[got], e);
		if (rc < 0)
			break;
		got++;
		(*at)--;
	}
	store_abort(t);
	for (size_t i = 0; i < got; i++) {
		if (rc == 0)
			rc = show(l, &n[i]);
		entry_fini(&n[i]);
	}
	return rc;
}

static int
whole_log(struct listing *l, struct err *e)
{
	struct applied a;
	struct txn *t;
	int rc = store_read_begin(l->app->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = applied_get(t, &a, e);
	store_abort(t);
	for (uint64_t at = a.entries; rc == 0 && at > l->since;)
		rc = batch(l, &at, e);
	return rc;
}

static int
of_model(struct listing *l, const char *name, struct err *e)
{
	struct txn *t = NULL;
	struct ref ref;
	int rc = ref_parse(name, &ref, e);

	if (rc == 0)
		rc = app_read_begin(l->app, &t, e);
	if (rc < 0)
		return rc;
	rc = history_each(l->app->registry, t, ref.model, show, l, e);
	app_read_end(l->app, t);
	return rc;
}

static int
read_options(const struct args *in, struct listing *l, struct err *e)
{
	const char *const max = arg_value(in, "--max"), *const since = arg_value(in, "--since");

	l->type = arg_value(in, "--type");
	if (max && parse_u64(max, UINT64_MAX, &l->max) < 0)
		return err_set(e, ERR_USAGE, "\"%s\" is no number of rows", max);
	if (since && parse_u64(since, UINT64_MAX, &l->since) < 0)
		return err_set(e, ERR_USAGE, "\"%s\" is no place in the log", since);
	if (l->type && !entry_type_find(l->type)) {
		struct near near = { .wanted = l->type };
		char names[200];

		for (const struct entry_type *y = entry_types; y->name; y++)
			near_offer(&near, y->name);
		(void)err_set(e, ERR_USAGE, "\"%s\" is no type of entry", l->type);
		return near_text(&near, names, sizeof names)
		               ? err_hint(e, "did you mean %s?", names)
		               : err_hint(e, "slipway-format(5) has the types");
	}
	return 0;
}

static int
run_list(struct app *a, const struct args *in, struct err *e)
{
	struct listing l = { .app = a, .max = UINT64_MAX };
	int rc;

	rc = read_options(in, &l, e);
	if (rc == 0)
		rc = audit_chain_load(a->registry, &l.chain, e);
	if (rc < 0)
		return rc;
	out_table_begin(a->out, "AuditList", columns, COUNT(columns));
	rc = in->pos_n > 0 ? of_model(&l, in->pos[0], e) : whole_log(&l, e);
	out_table_end(a->out);
	audit_chain_fini(&l.chain);
	return rc < 0 ? rc : 0;
}

static const struct opt list_opts[] = {
	{ "--since", 0, "SEQ", "from this place in the log on", false },
	{ "--max", 'n', "N", "at most N entries", false },
	{ "--type", 0, "T", "entries of one type, as version or promotion", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_audit_list = {
	.name = "audit",
	.sub = "list",
	.args = "[NAME]",
	.summary = "what the log says and whose key says it",
	.group = "look",
	.opts = list_opts,
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run_list,
	.examples = "  slipway audit list fraud-ranker --type promotion\n"
	            "  slipway audit list --since 1200 -o ndjson\n",
};
