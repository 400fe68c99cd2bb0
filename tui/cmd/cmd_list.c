/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list: models, or the versions of one. Rows go out as they come from the database; only --sort
 * keeps their names. Knows the database alone: no log, no blob and, without --stage, no policy is
 * read, because this is the verb that is waited for most.
 */
#include "tui/cmd/cmd.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "registry/attest.h"
#include "registry/base/vec.h"
#include "registry/labels.h"
#include "registry/policy.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

#define WIDE_N 4u /* columns behind the others that only wide lists have */

enum sort { SORT_NONE, SORT_NAME, SORT_UPDATED, SORT_SIZE, SORT_VERSION };

struct item { /* of a sorted list: what to fetch again */
	char *name;
	uint64_t number, key;
};
struct list {
	struct out *out;
	struct txn *txn;
	const struct args *in;
	const char *stage;
	VEC(char *) words; /* of --filter, in lower case */
	uint64_t max, n;
	enum sort sort;
	VEC(struct item) items;
	const struct model_row *model;       /* whose versions; NULL */
	json_t *aliases;                     /* {alias: number} of it */
	char stages[STAGES_MAX][WORD_SIZE];  /* columns */
	size_t stages_n;
	bool is_narrow; /* the last columns, WIDE_N of them, are not even made */
	struct err *e;
};

/* --- what is wanted --- */

static int
parse_sort(const char *s, enum sort *ret, struct err *e)
{
	static const char *const names[] = { "", "name", "updated", "size", "version" };

	for (size_t i = 1; i < COUNT(names); i++) {
		if (streq(s, names[i])) {
			*ret = (enum sort)i;
			return 0;
		}
	}
	(void)err_set(e, ERR_USAGE, "\"%s\" is nothing to sort by", s);
	return err_hint(e, "name, updated, size or version");
}

static void
split_words(struct list *l, const char *s)
{
	for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
		const size_t n = strcspn(s, " ");
		char *const word = xstrndup(s, n);
		for (char *p = word; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		vec_push(&l->words, word);
		s += n;
	}
}

static int
read_options(struct list *l, struct err *e)
{
	const char *const n = arg_value(l->in, "--max"), *const sort = arg_value(l->in, "--sort");
	const char *const words = arg_value(l->in, "--filter");
	int rc = 0;

	l->max = UINT64_MAX;
	l->stage = arg_value(l->in, "--stage");
	if (l->stage)
		rc = ref_check_word("stage", l->stage, e);
	if (rc == 0 && n && parse_u64(n, UINT64_MAX, &l->max) < 0)
		rc = err_set(e, ERR_USAGE, "\"%s\" is no number of rows", n);
	if (rc == 0 && sort)
		rc = parse_sort(sort, &l->sort, e);
	if (words)
		split_words(l, words);
	return rc;
}

static int
no_stage(const struct policy *p, const char *stage, struct err *e)
{
	cleanup_buf struct buf names = { 0 };

	for (size_t i = 0; i < p->stages_n; i++)
		buf_addf(&names, "%s%s", i > 0 ? ", " : "", p->stages[i].name);
	(void)err_set(e, ERR_NOT_FOUND, "there is no stage \"%s\"", stage);
	return err_hint(e, "the stages are %s", buf_cstr(&names));
}

/* A stage that the policy does not name holds nothing, and is most likely a slip of the fingers. */
static int
check_stage(struct app *a, const struct list *l, struct err *e)
{
	struct policy p = { 0 };
	int rc;

	if (!l->stage)
		return 0;
	rc = policy_current(a->registry, l->txn, &p, e);
	if (rc == 0 && !policy_stage(&p, l->stage))
		rc = no_stage(&p, l->stage, e);
	policy_fini(&p);
	return rc;
}

/* Byte by byte, ASCII letters alike: names and label keys are ASCII. */
static bool
has_word(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

static bool
has_words(const struct list *l, const char *name, const char *labels, const char *more)
{
	for (size_t i = 0; i < l->words.n; i++) {
		const char *const w = l->words.v[i];
		if (!has_word(name, w) && !has_word(labels, w) && !has_word(more, w))
			return false;
	}
	return true;
}

static bool
has_labels(const struct list *l, const char *labels, const char *more)
{
	args_foreach (wanted, l->in, "--label") {
		if (!labels_match(labels, wanted) && !labels_match(more, wanted))
			return false;
	}
	return true;
}

/* A model is matched by its own labels and those of its newest live version. */
static bool
model_matches(struct list *l, const struct model_row *m)
{
	const struct stage_mark *const s = l->stage ? model_stage(m, l->stage) : NULL;
	const bool needs_version = l->words.n > 0 || arg_flag(l->in, "--label");
	struct version_row v = { 0 };
	struct err ignored = { 0 };

	if (l->stage && (!s || s->number == 0))
		return false;
	if (needs_version && m->latest_live > 0)
		(void)version_get(l->txn, m->name, m->latest_live, &v, &ignored);
	return has_words(l, m->name, m->labels, v.labels) && has_labels(l, m->labels, v.labels);
}

static bool
version_matches(const struct list *l, const struct version_row *v)
{
	const struct stage_mark *const s = l->stage ? model_stage(l->model, l->stage) : NULL;
	char name[VERSION_NAME_SIZE];

	if (l->stage && (!s || s->number != v->number))
		return false;
	if (l->words.n == 0)
		return has_labels(l, v->labels, "");
	version_name(v->model, v->number, name);
	return has_words(l, name, v->labels, v->signer) && has_labels(l, v->labels, "");
}

/* --- rows --- */

static void
cell_signed(struct out *o, bool is_signed, bool is_foreign)
{
	if (out_is_json(o))
		out_cell_json(o, NULL, is_signed ? json_true() : json_false());
	else
		out_cell_word(o, is_signed ? "signed" : is_foreign ? "foreign" : "not signed");
}

static void
cell_labels(struct out *o, const char *labels)
{
	cleanup_json json_t *j = NULL;
	cleanup_buf struct buf text = { 0 };

	if (out_is_json(o)) {
		j = labels_object(labels);
		out_cell_json(o, NULL, j);
		return;
	}
	for (const char *p = labels, *lf; (lf = strchr(p, '\n')) != NULL; p = lf + 1)
		buf_addf(&text, "%s%.*s", text.n > 0 ? "," : "", (int)(lf - p), p);
	out_cell_str(o, buf_str(&text));
}

static void
cells_stages(struct list *l, const struct model_row *m)
{
	char text[64];

	for (size_t i = 0; i < l->stages_n; i++) {
		const struct stage_mark *const s = model_stage(m, l->stages[i]);
		text[0] = '\0';
		if (s)
			stage_text(s, text);
		out_cell(l->out, text[0] ? text : NULL);
	}
}

static void
cell_stages_json(struct list *l, const struct model_row *m)
{
	cleanup_json json_t *o = json_object();

	for (size_t i = 0; i < m->stages_n; i++)
		json_object_set_new(o, m->stages[i].stage,
		                    m->stages[i].number ?
		                    json_integer((json_int_t)m->stages[i].number) :
		                                          json_null());
	out_cell_json(l->out, NULL, o);
}

static void
row_model(struct list *l, const struct model_row *m)
{
	out_cell(l->out, m->name);
	cell_number(l->out, m->latest_live);
	if (out_is_json(l->out))
		cell_stages_json(l, m);
	else
		cells_stages(l, m);
	cell_signed(l->out, m->is_signed, m->is_foreign);
	out_cell_size(l->out, m->bytes);
	out_cell_time(l->out, m->updated_s);
	if (l->is_narrow)
		return;
	out_cell_u64(l->out, m->files);
	out_cell(l->out, m->is_signed ? m->signer : NULL);
	out_cell_digest(l->out, m->latest_live > 0 ? &m->digest : NULL);
	cell_labels(l->out, m->labels);
}

static void
cell_stages_of(struct list *l, uint64_t number)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *names = NULL;

	if (!out_is_json(l->out)) {
		stages_of(l->model, number, &text);
		out_cell(l->out, text.n > 0 ? buf_cstr(&text) : NULL);
		return;
	}
	names = json_array();
	for (size_t i = 0; i < l->model->stages_n; i++)
		if (l->model->stages[i].number == number)
			json_array_append_new(names, json_string(l->model->stages[i].stage));
	out_cell_json(l->out, NULL, names);
}

static void
cell_aliases_of(struct list *l, uint64_t number)
{
	cleanup_json json_t *names = NULL;
	cleanup_buf struct buf text = { 0 };
	const json_t *name;
	size_t i;

	names = aliases_of(l->aliases, number);
	if (out_is_json(l->out)) {
		out_cell_json(l->out, NULL, names);
		return;
	}
	json_array_foreach(names, i, name)
		buf_addf(&text, "%s%s", i > 0 ? " " : "", json_string_value(name));
	out_cell(l->out, text.n > 0 ? buf_cstr(&text) : NULL);
}

/* What was attested last; not checked here, as nothing else in a list is. */
static void
cell_metrics_of(struct list *l, const struct version_row *v)
{
	cleanup_buf struct buf text = { 0 };
	struct evidence has = { 0 };
	struct err ignored = { 0 };
	bool some;

	some = evidence_get(l->txn, v->model, v->number, EVIDENCE_METRICS, &has, &ignored) == 0 &&
	       digest_eq(&has.version, &v->digest);
	if (some)
		evidence_metrics_text(has.content, &text);
	if (!out_is_json(l->out))
		out_cell(l->out, some ? buf_cstr(&text) : NULL);
	else
		out_cell_json(l->out, NULL, some ? has.content : json_null());
	evidence_fini(&has);
}

static void
row_version(struct list *l, const struct version_row *v)
{
	char name[VERSION_NAME_SIZE];

	if (out_format_of(l->out) == OUT_NAME) {
		version_name(v->model, v->number, name);
		out_cell(l->out, name);
	} else {
		cell_number(l->out, v->number);
	}
	out_cell_digest(l->out, &v->digest);
	cell_stages_of(l, v->number);
	cell_signed(l->out, v->is_signed, v->is_foreign);
	out_cell_size(l->out, v->bytes);
	out_cell_u64(l->out, v->files);
	out_cell_time(l->out, v->time_s);
	out_cell_word(l->out, lifecycle_name(v->state.life));
	if (l->is_narrow)
		return;
	out_cell(l->out, v->is_signed ? v->signer : NULL);
	cell_labels(l->out, v->labels);
	cell_aliases_of(l, v->number);
	cell_metrics_of(l, v);
}

/* --- walks --- */

static int
take_model(void *arg, const struct model_row *m)
{
	struct list *const l = arg;

	if (!model_matches(l, m))
		return 0;
	if (l->sort != SORT_NONE) {
		const struct item i = {
			.name = xstrdup(m->name),
			.key = l->sort == SORT_UPDATED ? (uint64_t)m->updated_s :
			       l->sort == SORT_SIZE    ? m->bytes :
			       l->sort == SORT_VERSION ? m->latest_live : 0,
		};
		vec_push(&l->items, i);
		return 0;
	}
	if (l->n == l->max)
		return 1;
	l->n++;
	row_model(l, m);
	return 0;
}

static int
take_version(void *arg, const struct version_row *v)
{
	struct list *const l = arg;

	if (!version_matches(l, v))
		return 0;
	if (l->sort != SORT_NONE) {
		const struct item i = {
			.number = v->number,
			.key = l->sort == SORT_UPDATED ? (uint64_t)v->time_s :
			       l->sort == SORT_SIZE    ? v->bytes : v->number,
		};
		vec_push(&l->items, i);
		return 0;
	}
	if (l->n == l->max)
		return 1;
	l->n++;
	row_version(l, v);
	return 0;
}

/* The largest, newest, highest first; equal ones by name. */
static int
by_key(const void *a, const void *b)
{
	const struct item *const x = a, *const y = b;

	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	if (x->name && y->name)
		return strcmp(x->name, y->name);
	return x->number < y->number ? 1 : x->number > y->number ? -1 : 0;
}

static int
print_sorted(struct list *l, struct err *e)
{
	struct version_row v;
	struct model_row m;
	int rc = 0;

	if (l->items.n > 1)
		qsort(l->items.v, l->items.n, sizeof *l->items.v, by_key);
	for (size_t i = 0; i < l->items.n && l->n < l->max && rc == 0; i++, l->n++) {
		const struct item *const at = &l->items.v[i];
		rc = l->model ? version_get(l->txn, l->model->name, at->number, &v, e) :
		                model_get(l->txn, at->name, &m, e);
		if (rc == 0 && l->model)
			row_version(l, &v);
		else if (rc == 0)
			row_model(l, &m);
	}
	return rc;
}

static void
add_stage(struct list *l, const char *stage)
{
	for (size_t i = 0; i < l->stages_n; i++)
		if (streq(l->stages[i], stage))
			return;
	if (l->stages_n < STAGES_MAX)
		(void)str_copy(l->stages[l->stages_n++], WORD_SIZE, stage);
}

static int
see_stages(void *arg, const struct model_row *m)
{
	for (size_t i = 0; i < m->stages_n; i++)
		add_stage(arg, m->stages[i].stage);
	return 0;
}

static void
upper(const char *s, char ret[WORD_SIZE])
{
	size_t i = 0;

	for (; s[i]; i++)
		ret[i] = (char)toupper((unsigned char)s[i]);
	ret[i] = '\0';
}

static const struct out_column model_head[] = {
	{ "MODEL", "name", OUT_LEFT, false, true },
	{ "LATEST", "latest", OUT_LEFT, false, false },
};
static const struct out_column model_tail[] = {
	{ "SIGNED", "signed", OUT_LEFT, false, false },
	{ "SIZE", "bytes", OUT_RIGHT, false, false },
	{ "UPDATED", "updated", OUT_RIGHT, false, false },
	{ "FILES", "files", OUT_RIGHT, true, false },
	{ "SIGNER", "signer", OUT_LEFT, true, false },
	{ "DIGEST", "digest", OUT_LEFT, true, false },
	{ "LABELS", "labels", OUT_LEFT, true, false },
};
static const struct out_column version_columns[] = {
	{ "VERSION", "version", OUT_LEFT, false, true },
	{ "DIGEST", "digest", OUT_LEFT, false, false },
	{ "STAGES", "stages", OUT_LEFT, false, false },
	{ "SIGNED", "signed", OUT_LEFT, false, false },
	{ "SIZE", "bytes", OUT_RIGHT, false, false },
	{ "FILES", "files", OUT_RIGHT, false, false },
	{ "AGE", "created", OUT_RIGHT, false, false },
	{ "LIFECYCLE", "lifecycle", OUT_LEFT, false, false },
	{ "SIGNER", "signer", OUT_LEFT, true, false },
	{ "LABELS", "labels", OUT_LEFT, true, false },
	{ "ALIASES", "aliases", OUT_LEFT, true, false },
	{ "METRICS", "metrics", OUT_LEFT, true, false },
};

/* One column a stage for people, one member "stages" for JSON. */
static int
list_models(struct list *l, struct err *e)
{
	struct out_column columns[COUNT(model_head) + STAGES_MAX + COUNT(model_tail)];
	char titles[STAGES_MAX][WORD_SIZE];
	size_t n = COUNT(model_head);
	int rc;

	memcpy(columns, model_head, sizeof model_head);
	add_stage(l, "staging");
	add_stage(l, "production");
	rc = out_is_json(l->out) ? 0 : model_each(l->txn, NULL, see_stages, l, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < l->stages_n && !out_is_json(l->out); i++) {
		upper(l->stages[i], titles[i]);
		columns[n++] = (struct out_column){ titles[i], l->stages[i], OUT_LEFT, false,
		                                    false };
	}
	if (out_is_json(l->out))
		columns[n++] = (struct out_column){ "STAGES", "stages", OUT_LEFT, false, false };
	memcpy(columns + n, model_tail, sizeof model_tail);
	out_table_begin(l->out, "ModelList", columns,
	                n + COUNT(model_tail) - (l->is_narrow ? WIDE_N : 0));
	rc = model_each(l->txn, NULL, take_model, l, e);
	if (rc >= 0)
		rc = print_sorted(l, e);
	out_table_end(l->out);
	return rc;
}

static int
list_versions(struct list *l, const char *name, struct err *e)
{
	struct model_row m;
	int rc;

	rc = ref_model(l->txn, name, &m, e);
	if (rc < 0)
		return rc;
	l->model = &m;
	rc = aliases_read(l->txn, m.name, &l->aliases, e);
	if (rc < 0)
		return rc;
	out_table_begin(l->out, "VersionList", version_columns,
	                COUNT(version_columns) - (l->is_narrow ? WIDE_N : 0));
	rc = version_each(l->txn, m.name, 0, take_version, l, e);
	if (rc >= 0)
		rc = print_sorted(l, e);
	out_table_end(l->out);
	return rc;
}

static const char no_models[] = "no models yet: slipway import PATH --as NAME";

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const enum out_format format = out_format_of(a->out);
	struct list l = { .out = a->out, .in = in, .e = e,
		          .is_narrow = format == OUT_TEXT || format == OUT_NAME };
	int rc;

	rc = read_options(&l, e);
	if (rc == 0)
		rc = app_read_begin(a, &l.txn, e);
	if (rc == 0)
		rc = check_stage(a, &l, e);
	if (rc == 0)
		rc = in->pos_n > 0 ? list_versions(&l, in->pos[0], e) : list_models(&l, e);
	app_read_end(a, l.txn);
	json_decref(l.aliases);
	if (rc == 0 && l.n == 0)
		out_note(a->out, "%s",
		         in->pos_n > 0 || in->opts_n > 0 ? "nothing matches" : no_models);
	vec_foreach (i, &l.items)
		free(i->name);
	vec_foreach (w, &l.words)
		free(*w);
	vec_fini(&l.items);
	vec_fini(&l.words);
	return rc;
}

static const struct opt opts[] = {
	{ "--stage", 0, "S", "only what stage S holds", false },
	{ "--label", 0, "K[=V]", "only with this label; may be repeated", true },
	{ "--filter", 0, "WORDS", "only with all these words in name or labels", false },
	{ "--sort", 0, "K", "name, updated, size or version", false },
	{ "--max", 'n', "N", "at most N rows", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_list = {
	.name = "list",
	.args = "[NAME]",
	.summary = "list the models, or the versions of one, newest first",
	.group = "look",
	.opts = opts,
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run,
	.examples = "  slipway list --stage production\n"
	            "  slipway list fraud-ranker -n 5 -o json\n"
	            "  slipway list --filter 'face v2' --sort updated\n",
};
