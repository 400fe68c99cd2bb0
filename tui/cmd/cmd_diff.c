/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff: what differs between two versions, a row each: files by their manifests, members of JSON
 * configuration files, labels, what was attested, who signed. What is the same is counted, and
 * shown with --all only. plan diff: the same of what a stage holds and what a stored plan brings,
 * and what its targets would change. Looks into no other file; nothing is verified here.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/attest.h"
#include "registry/base/text.h"
#include "registry/labels.h"
#include "registry/ref.h"
#include "tui/cmd/diff_config.h"
#include "tui/cmd/proposal.h"
#include "tui/cmd/shown.h"

struct side {
	struct version_row row;
	struct manifest files;
	json_t *labels, *evidence[EVIDENCE_TYPES]; /* the content; NULL: none */
	char name[VERSION_NAME_SIZE];
};
struct diff {
	struct out *out;
	struct blobs *blobs;
	bool all; /* rows for what is the same too */
	struct side side[2];
	uint64_t n, files, same_bytes;
};

/* --- both versions --- */

static int
read_more(struct txn *t, struct side *s, struct err *e)
{
	int rc;

	version_name(s->row.model, s->row.number, s->name);
	s->labels = labels_object(s->row.labels);
	for (int i = 0; i < EVIDENCE_TYPES; i++) {
		struct evidence v;
		rc = evidence_get(t, s->row.model, s->row.number, (enum evidence_type)i, &v, e);
		if (rc == -ERR_NOT_FOUND)
			continue;
		if (rc < 0)
			return rc;
		if (digest_eq(&v.version, &s->row.digest))
			s->evidence[i] = json_incref(v.content);
		evidence_fini(&v);
	}
	return 0;
}

static int
read_side(struct txn *t, const char *text, struct side *s, struct err *e)
{
	int rc = ref_find(t, text, &s->row, e);

	if (rc == 0)
		rc = version_is_live(&s->row, e);
	return rc < 0 ? rc : read_more(t, s, e);
}

static int
read_files(struct app *a, struct diff *d, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++)
		if (d->side[i].row.number > 0)
			rc = version_manifest(a->registry, &d->side[i].row.digest,
			                      &d->side[i].files, e);
	return rc;
}

static int
read_both(struct app *a, const struct args *in, struct diff *d, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc = store_read_begin(a->registry->store, &t, e);

	for (size_t i = 0; i < 2 && rc == 0; i++)
		rc = read_side(t, in->pos[i], &d->side[i], e);
	return rc < 0 ? rc : read_files(a, d, e);
}

static int
read_number(struct txn *t, const char *model, uint64_t number, struct side *s, struct err *e)
{
	int rc;

	if (number == 0) {
		(void)str_copy(s->name, sizeof s->name, "nothing");
		return 0;
	}
	rc = version_get(t, model, number, &s->row, e);
	return rc < 0 ? rc : read_more(t, s, e);
}

/* What the stage holds, and what the plan brings there. */
static int
read_plan(struct app *a, const struct plan *p, struct diff *d, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	const struct stage_mark *now;
	struct model_row m;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc == 0)
		rc = model_get(t, p->model, &m, e);
	if (rc < 0)
		return rc;
	now = model_stage(&m, p->stage);
	rc = read_number(t, p->model, now ? now->number : 0, &d->side[0], e);
	if (rc == 0)
		rc = read_number(t, p->model, p->number, &d->side[1], e);
	return rc < 0 ? rc : read_files(a, d, e);
}

static void
side_fini(struct side *s)
{
	manifest_fini(&s->files);
	json_decref(s->labels);
	for (int i = 0; i < EVIDENCE_TYPES; i++)
		json_decref(s->evidence[i]);
}

/* --- rows --- */

static const struct out_column columns[] = {
	{ "WHAT", "what", OUT_LEFT, false, false },     { "NAME", "name", OUT_LEFT, false, true },
	{ "CHANGE", "change", OUT_LEFT, false, false }, { "FROM", "from", OUT_LEFT, false, false },
	{ "TO", "to", OUT_LEFT, false, false },
};

static void
cell_value(struct out *o, const json_t *v)
{
	cleanup_buf struct buf text = { 0 };

	if (out_is_json(o)) {
		out_cell_json(o, NULL, v ? v : json_null());
		return;
	}
	if (v && !json_is_string(v))
		json_canonical(v, &text);
	out_cell(o, !v ? NULL : json_is_string(v) ? json_string_value(v) : buf_cstr(&text));
}

static void
row_cells(struct diff *d, const char *what, const char *name, const char *change,
          const json_t *from, const json_t *to)
{
	out_cell(d->out, what);
	out_cell(d->out, name);
	out_cell(d->out, change);
	cell_value(d->out, from);
	cell_value(d->out, to);
}

/* NULL: it is not there. */
static void
row(struct diff *d, const char *what, const char *name, const json_t *from, const json_t *to)
{
	const bool same = from == to || (from && to && json_equal(from, to));

	if (same && (!d->all || !from))
		return;
	d->n += !same;
	row_cells(d, what, name, same ? "same" : !from ? "added" : !to ? "removed" : "changed",
	          from, to);
}

static json_t *
file_value(const struct diff *d, const struct manifest_file *f)
{
	char size[16], hex[DIGEST_HEX_SIZE];

	if (!f)
		return NULL;
	if (out_is_json(d->out))
		return json_pack("{s:I, s:o}", "bytes", (json_int_t)f->size, "digest",
		                 json_from_digest(&f->digest));
	text_size(size, f->size);
	digest_hex(&f->digest, hex);
	return json_sprintf("%s %.12s", size, hex);
}

static void
row_file(struct diff *d, const struct manifest_file *from, const struct manifest_file *to)
{
	cleanup_json json_t *a = NULL, *b = NULL;

	if (from && to && digest_eq(&from->digest, &to->digest)) {
		d->same_bytes += to->size;
		if (!d->all)
			return;
	} else {
		d->files++;
	}
	a = file_value(d, from);
	b = file_value(d, to);
	row(d, "file", to ? to->path : from->path, a, b);
}

/* Both lists are sorted by path. */
static void
compare_files(struct diff *d)
{
	const struct manifest *const a = &d->side[0].files, *const b = &d->side[1].files;
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		const int order = i == a->n   ? 1
		                  : k == b->n ? -1
		                              : strcmp(a->files[i].path, b->files[k].path);
		row_file(d, order <= 0 ? &a->files[i] : NULL, order >= 0 ? &b->files[k] : NULL);
		i += order <= 0;
		k += order >= 0;
	}
}

struct config_file {
	struct diff *d;
	const char *path;
};

static void
row_config(void *arg, const char *name, const json_t *from, const json_t *to)
{
	const struct config_file *const c = arg;
	cleanup_free char *whole = xasprintf("%s:%s", c->path, name);

	row(c->d, "config", whole, from, to);
}

/* What changed within the files that both have, as far as it can be said. */
static void
compare_config(struct diff *d)
{
	const struct manifest *const a = &d->side[0].files, *const b = &d->side[1].files;
	const char *why;

	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		const int order = strcmp(a->files[i].path, b->files[k].path);
		struct config_file c = { d, b->files[k].path };
		const bool differs = order == 0 && diff_is_config(&b->files[k]) &&
		                     !digest_eq(&a->files[i].digest, &b->files[k].digest);
		if (differs && !diff_config(d->blobs, &a->files[i], &b->files[k], d->all,
		                            row_config, &c, &why)) {
			cleanup_json json_t *said = json_string(why);
			row_cells(d, "config", c.path, "not compared", NULL, said);
		}
		i += order <= 0;
		k += order >= 0;
	}
}

/* Members of two objects, either of which may be NULL. */
static void
compare_members(struct diff *d, const char *what, json_t *from, json_t *to)
{
	const char *name;
	json_t *v;

	json_object_foreach(from, name, v) row(d, what, name, v, json_object_get(to, name));
	json_object_foreach(to, name, v)
	{
		if (!json_object_get(from, name))
			row(d, what, name, NULL, v);
	}
}

static void
compare_evidence(struct diff *d)
{
	for (int i = 0; i < EVIDENCE_TYPES; i++) {
		const enum evidence_type type = (enum evidence_type)i;
		const char *const what = evidence_type_name(type);
		json_t *const from = d->side[0].evidence[i], *const to = d->side[1].evidence[i];

		if (type == EVIDENCE_METRICS)
			compare_members(d, "metric", from, to);
		else if (type == EVIDENCE_LICENCE)
			row(d, what, "spdx", json_object_get(from, "spdx"),
			    json_object_get(to, "spdx"));
		else if (type == EVIDENCE_SCAN)
			row(d, what, "verdict", json_object_get(from, "verdict"),
			    json_object_get(to, "verdict"));
		else
			row(d, what, what, from, to);
	}
}

static json_t *
text_or_null(const char *s)
{
	return s[0] ? json_string(s) : NULL;
}

static void
compare_versions(struct diff *d)
{
	const struct version_row *const a = &d->side[0].row, *const b = &d->side[1].row;
	cleanup_json json_t *from = text_or_null(a->is_signed ? a->signer : "");
	cleanup_json json_t *to = text_or_null(b->is_signed ? b->signer : "");

	compare_files(d);
	compare_config(d);
	compare_members(d, "label", d->side[0].labels, d->side[1].labels);
	compare_evidence(d);
	row(d, "signer", "signed by", from, to);
}

/* Lines of a driver: what it would do to its objects. */
static void
compare_targets(struct diff *d, const struct proposal *p)
{
	const json_t *t, *line;
	size_t i, k;

	json_array_foreach(json_object_get(p->reply, "targets"), i, t)
	{
		json_array_foreach(json_object_get(t, "changes"), k, line)
		{
			d->n++;
			out_cell_word(d->out, "target");
			out_cell(d->out, json_opt_string(t, "name"));
			out_cell_word(d->out, "changed");
			cell_value(d->out, NULL);
			cell_value(d->out, line);
		}
	}
}

static int
compare(struct diff *d, const struct proposal *p, struct err *e)
{
	char same[16], all[16];

	out_table_begin(d->out, "DifferenceList", columns, COUNT(columns));
	compare_versions(d);
	if (p)
		compare_targets(d, p);
	out_table_end(d->out);
	text_size(same, d->same_bytes);
	text_size(all, d->side[1].files.bytes);
	if (d->side[0].row.number > 0 && d->side[1].row.number > 0)
		out_note(d->out, "%s of %s in %s are in %s too", same, all, d->side[1].name,
	         d->side[0].name);
	if (d->n == 0)
		return 0;
	return err_set(e, ERR_DIFFERENT,
	               "%s and %s differ: %" PRIu64 " file%s, %" PRIu64 " other thing%s",
	               d->side[0].name, d->side[1].name, d->files, d->files == 1 ? "" : "s",
	               d->n - d->files, d->n - d->files == 1 ? "" : "s");
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct diff d = { .out = a->out,
		          .blobs = a->registry->blobs,
		          .all = arg_flag(in, "--all") };
	int rc = read_both(a, in, &d, e);

	if (rc == 0)
		rc = compare(&d, NULL, e);
	side_fini(&d.side[0]);
	side_fini(&d.side[1]);
	return rc;
}

static int
run_plan(struct app *a, const struct args *in, struct err *e)
{
	struct diff d = { .out = a->out, .blobs = a->registry->blobs };
	struct proposal again;
	struct plan_row stored;
	struct plan p;
	int rc = proposal_stored(a, in->pos[0], &stored, &p, e);

	if (rc < 0)
		return rc;
	rc = proposal_again(a, &p, &again, e);
	if (rc == 0) {
		if (!digest_eq(&again.plan.id, &p.id)) {
			err_set(e, ERR_CONFLICT,
			        "the plan does not fit any more: today it would be another one");
			rc = err_hint(e, "make a new plan: targets or stages have changed since");
		}
		if (rc == 0)
			rc = read_plan(a, &p, &d, e);
		if (rc == 0)
			rc = compare(&d, &again, e);
		proposal_fini(&again);
	}
	side_fini(&d.side[0]);
	side_fini(&d.side[1]);
	plan_fini(&p);
	return rc;
}

static const struct opt opts[] = {
	{ "--all", 0, NULL, "rows for what is the same, too", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_diff = {
	.name = "diff",
	.args = "REF REF",
	.summary = "what differs between two versions: files, config, labels, metrics, licence",
	.group = "look",
	.opts = opts,
	.min_pos = 2,
	.max_pos = 2,
	.flags = CMD_READS,
	.run = run,
	.examples = "  slipway diff fraud-ranker@production fraud-ranker@v41\n"
	            "  slipway diff fraud-ranker@v40 fraud-ranker@v41 -o json\n",
};

const struct cmd cmd_plan_diff = {
	.name = "plan",
	.sub = "diff",
	.args = "PLAN",
	.summary = "what a stored plan would change: files, evidence, objects of its targets",
	.group = "deploy",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_AGENT,
	.run = run_plan,
	.examples = "  slipway plan diff 3f9a0c1d2e4b5a69\n",
};
