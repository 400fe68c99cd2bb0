/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One version in five tabs: what it is, its files, what was signed about it, evidence and where it
 * comes from, the manifest as it is stored. Nothing is verified here and nothing says so: what this
 * person's last verify found is shown with its age, statements as claims. A tab is read when it is
 * looked at.
 */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/ref.h"
#include "tui/view/raw_text.h"
#include "tui/view/show.h"
#include "tui/view/version_claims.h"
#include "tui/view/version_evidence.h"
#include "tui/view/version_files.h"
#include "tui/view/views.h"

#define SLICE_MS 5u

enum { TAB_OVERVIEW, TAB_FILES, TAB_STATEMENTS, TAB_EVIDENCE, TAB_RAW, TABS };

struct version {
	unsigned tab;
	struct version_row row;
	struct model_row model;
	struct checked checked;
	struct version_files files;
	struct version_claims claims;
	struct sheet evidence;
	struct raw_text raw;
	struct buf aliases;
	struct err failed;
};

/* --- what is read --- */

static int
alias_keep(void *arg, const char *alias, uint64_t number)
{
	struct version *s = arg;

	if (number == s->row.number)
		buf_addf(&s->aliases, "%s%s", s->aliases.n > 0 ? ", " : "", alias);
	return 0;
}

static void
evidence_read(struct view *v, struct txn *t)
{
	struct version *s = v->state;
	struct policy p = { 0 };
	struct err ignored = { 0 };
	const bool has_policy = policy_current(v->app->registry, t, &p, &ignored) == 0;

	sheet_clear(&s->evidence);
	version_evidence(&s->evidence, v, t, &s->model, &s->row, has_policy ? &p : NULL);
	sheet_settle(&s->evidence, v->filter);
	policy_fini(&p);
}

static void
raw_read(struct view *v)
{
	struct version *s = v->state;

	version_files_read(&s->files, v, &s->row);
	if (s->raw.list.n == 0 && s->files.text.n > 0)
		raw_text_set(&s->raw, buf_str(&s->files.text));
	raw_text_search(&s->raw, v->filter);
}

static int
tab_read(struct view *v, struct txn *t, struct err *e)
{
	struct version *s = v->state;
	int rc = 0;

	v->is_unfinished = false;
	if (s->tab == TAB_OVERVIEW) {
		buf_clear(&s->aliases);
		rc = alias_each(t, s->row.model, alias_keep, s, e);
	} else if (s->tab == TAB_FILES) {
		version_files_read(&s->files, v, &s->row);
		version_files_filter(&s->files, v->filter);
	} else if (s->tab == TAB_STATEMENTS) {
		rc = version_claims_begin(&s->claims, v, t, &s->model, &s->row, e);
		v->is_unfinished = s->claims.next > 0;
		sheet_settle(&s->claims.sheet, v->filter);
	} else if (s->tab == TAB_EVIDENCE) {
		evidence_read(v, t);
	} else {
		raw_read(v);
	}
	return rc;
}

static int
version_read(struct view *v, struct err *e)
{
	struct version *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, e);
	if (rc == 0)
		rc = ref_find(t, v->arg, &s->row, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, s->row.model, &s->model, e);
	if (rc < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", s->row.model);
	(void)checked_look(v->app->registry->id, s->row.model, &s->row.digest, &s->checked);
	return tab_read(v, t, e);
}

static int
version_reload(struct view *v, struct err *e)
{
	struct version *s = v->state;

	(void)e; /* shown on the page itself */
	err_clear(&s->failed);
	(void)version_read(v, &s->failed);
	return 0;
}

static bool
version_more(struct view *v)
{
	struct version *s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct err ignored = { 0 };

	v->is_unfinished = view_read(v, &t, &ignored) == 0 &&
	                   !version_claims_more(&s->claims, v, t, &s->row, SLICE_MS);
	if (!v->is_unfinished)
		sheet_settle(&s->claims.sheet, v->filter);
	return !v->is_unfinished;
}

/* --- drawing --- */

static size_t
labels_draw(const struct area *a, size_t row, const char *labels)
{
	while (*labels && row < a->rows) {
		const size_t n = strcspn(labels, "\n");
		cleanup_free char *one = xstrndup(labels, n);
		row = show_field(a, row, "label", INK_FOREIGN, one);
		labels += n + (labels[n] == '\n');
	}
	return row;
}

static size_t
standing_draw(struct version *s, const struct area *a, size_t row)
{
	cleanup_buf struct buf held = { 0 }, state = { 0 };

	const enum ink ink = checked_text(&s->checked, &state);
	row = show_field(a, row, "verified", ink, buf_cstr(&state));
	show_stages_of(&s->model, s->row.number, &held);
	row = show_field(a, row, "stages", held.n ? INK_PRODUCTION : INK_DIM,
	                 held.n ? buf_cstr(&held) : "none");
	if (s->aliases.n > 0)
		row = show_field(a, row, "aliases", INK_TEXT, buf_cstr(&s->aliases));
	return row;
}

static void
overview_draw(struct view *v, const struct area *a)
{
	struct version *s = v->state;
	char text[160], hex[DIGEST_HEX_SIZE], size[16], ago[24];
	size_t row = 0;

	v->page = a->rows;
	(void)snprintf(text, sizeof(text), "v%llu", (unsigned long long)s->row.number);
	row = show_field(a, row, "version", INK_HEAD, text);
	digest_hex(&s->row.digest, hex);
	row = show_field(a, row, "sha256", INK_TEXT, hex);
	show_size(size, s->row.bytes);
	(void)snprintf(text, sizeof(text), "%s in %llu file%s", size,
	               (unsigned long long)s->row.files, s->row.files == 1 ? "" : "s");
	row = show_field(a, row, "size", INK_TEXT, text);
	(void)snprintf(text, sizeof(text), "%s%s", lifecycle_name(s->row.state.life),
	               s->row.state.is_held ? ", held: its bytes are kept" : "");
	row = show_field(a, row, "state", s->row.state.life == LIFE_LIVE ? INK_OK : INK_BAD, text);
	clock_text(text, s->row.time_s);
	show_ago(ago, s->row.time_s);
	(void)snprintf(text + strlen(text), 32, ", %s", ago);
	row = show_field(a, row, "added", INK_TEXT, text);
	(void)snprintf(text, sizeof(text), "%s", s->row.is_signed ? s->row.signer : "UNSIGNED");
	row = show_field(a, row, "signed by", s->row.is_signed ? INK_OK : INK_BAD, text);
	if (s->row.is_signed)
		row = show_field(a, row, "key", INK_TEXT, s->row.key_id);
	row = standing_draw(s, a, row);
	(void)labels_draw(a, row, s->row.labels);
}

static void
files_draw(struct view *v, const struct area *a)
{
	struct version *s = v->state;

	version_files_draw(&s->files, v, a, &s->checked);
}

static void
sheet_page_draw(struct view *v, const struct area *a, struct sheet *sheet)
{
	v->page = a->rows;
	if (sheet->shown.n == 0)
		paint_prose(a, 0, 1, INK_TEXT,
		            "nothing matches these words; / then Esc clears them");
	sheet_draw(sheet, a);
}

static void
statements_draw(struct view *v, const struct area *a)
{
	struct version *s = v->state;
	const struct area page = area_rows(a, 1, a->rows);

	paint_fit(a, 0, 1, a->cols - 1, INK_DIM, TEXT_CUT_END,
	          v->is_unfinished ? "searching the model's entries ..."
	                           : "claims, not checked on this page; z unfolds one");
	sheet_page_draw(v, &page, &s->claims.sheet);
}

static void
evidence_draw(struct view *v, const struct area *a)
{
	struct version *s = v->state;

	sheet_page_draw(v, a, &s->evidence);
}

static void
raw_draw(struct view *v, const struct area *a)
{
	struct version *s = v->state;

	v->page = a->rows;
	if (s->raw.list.n == 0)
		show_error(a, 0, &s->files.failed);
	raw_text_draw(&s->raw, a);
}

/* On a narrow screen the others are their number. */
static void
tabs_draw(const struct version *s, const struct area *a)
{
	static const char *const tabs[TABS] = { "1 overview", "2 files", "3 statements",
		                                "4 evidence", "5 raw" };
	size_t c = 1;

	for (unsigned i = 0; i < TABS; i++) {
		const bool is_it = i == s->tab;
		if (is_it || a->cols >= 60)
			c = paintf(a, 0, c, is_it ? INK_HEAD : INK_DIM, is_it ? "[%s]" : " %s ",
			           tabs[i]);
		else
			c = paintf(a, 0, c, INK_DIM, " %.1s ", tabs[i]);
	}
}

static size_t
count(const struct version *s)
{
	if (s->tab == TAB_FILES)
		return s->files.list.n;
	return s->tab == TAB_STATEMENTS ? sheet_hits(&s->claims.sheet)
	       : s->tab == TAB_EVIDENCE ? sheet_hits(&s->evidence)
	                                : s->raw.list.n;
}

static void
version_draw(struct view *v, const struct area *a)
{
	static void (*const draw[TABS])(struct view *, const struct area *) = {
		overview_draw, files_draw, statements_draw, evidence_draw, raw_draw
	};
	const struct version *s = v->state;

	if (s->failed.code != ERR_OK) {
		show_error(a, 1, &s->failed);
		return;
	}
	tabs_draw(s, a);
	size_t top = a->rows >= 10 ? 2 : 1;
	const struct area below = area_rows(a, top - 1, a->rows);
	if (s->tab != TAB_OVERVIEW && top == 2)
		(void)filter_draw(v, &below, count(s), false,
		                  s->tab == TAB_FILES ? "files" : "lines");
	const struct area page = area_rows(a, top, a->rows);
	if (page.rows > 0)
		draw[s->tab](v, &page);
}

/* --- acts --- */

static bool
tab_act(struct view *v, enum action act)
{
	struct version *s = v->state;
	const struct sheet *sheet = s->tab == TAB_STATEMENTS ? &s->claims.sheet : &s->evidence;

	if (s->tab == TAB_OVERVIEW)
		return act >= ACT_UP && act <= ACT_BOTTOM;
	if (s->tab == TAB_FILES)
		return list_move(&s->files.list, act, v->page);
	if (s->tab == TAB_RAW)
		return raw_text_act(&s->raw, act, v->page);
	if (act == ACT_OPEN && sheet_chosen(sheet) && sheet_chosen(sheet)->part > 0)
		act = ACT_FOLD;
	return sheet_act(s->tab == TAB_STATEMENTS ? &s->claims.sheet : &s->evidence, act, v->page);
}

static enum handled
version_act(struct view *v, enum action act, struct view_request *ret)
{
	struct version *s = v->state;
	const bool is_live = s->row.state.life == LIFE_LIVE;

	if (act == ACT_VERIFY && s->row.state.life != LIFE_DELETED) {
		words_of(&ret->argv, "verify", v->arg, "-o", "json");
		ret->reads = true;
		return RUN_ARGV;
	}
	if (act == ACT_DIFF && show_differs(&s->model, s->row.number)) {
		(void)str_copy(ret->view, sizeof(ret->view), "diff"); /* it asks with which stage */
		(void)snprintf(ret->arg, sizeof(ret->arg), "%s@v%llu", s->row.model,
		               (unsigned long long)s->row.number);
	} else if (act == ACT_HISTORY) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), s->row.model);
	} else if (act == ACT_PROMOTE && is_live) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "promote %.580s", v->arg);
	} else if (act == ACT_ROLLBACK && show_holds_any(&s->model)) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %s", s->row.model);
	} else {
		return NOT_HANDLED;
	}
	return OPEN_VIEW;
}

static enum handled
version_action(struct view *v, enum action act, struct view_request *ret)
{
	struct version *s = v->state;
	unsigned tab = s->tab;

	if (s->failed.code != ERR_OK)
		return NOT_HANDLED;
	if (act >= ACT_TAB_1 && act < ACT_TAB_1 + TABS)
		tab = act - ACT_TAB_1;
	else if (act == ACT_FILTER && s->tab == TAB_OVERVIEW)
		tab = TAB_FILES; /* that is what can be looked for */
	else if (act == ACT_NEXT_TAB || act == ACT_PREV_TAB)
		tab = (s->tab + (act == ACT_NEXT_TAB ? 1 : TABS - 1)) % TABS;
	else
		return tab_act(v, act) ? HANDLED : version_act(v, act, ret);
	if (tab == s->tab)
		return HANDLED;
	s->tab = tab;
	v->filter[0] = '\0'; /* its words were about other lines */
	(void)version_reload(v, &s->failed);
	return act == ACT_FILTER ? NOT_HANDLED : HANDLED;
}

static void
version_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct version *s = v->state;

	if (s->failed.code != ERR_OK)
		return;
	if (act == ACT_NEXT_HIT || act == ACT_PREV_HIT)
		buf_adds(ret, v->filter[0] ? "nothing matches these words" : "/ first, then n");
	else if (act == ACT_OPEN)
		buf_addf(ret, s->tab == TAB_OVERVIEW ? "Tab goes to the files" : "nothing to open");
	else
		show_why_not(&s->model, &s->row, act, ret);
}

static void
version_subject(const struct view *v, struct view_subject *ret)
{
	const struct version *s = v->state;
	const struct manifest_file *f =
	        s->tab == TAB_FILES ? version_files_chosen(&s->files) : NULL;
	char hex[DIGEST_HEX_SIZE];

	if (s->failed.code != ERR_OK)
		return;
	show_subject(s->row.model, s->row.number, &s->row.digest, ret);
	if (!f)
		return;
	digest_hex(&f->digest, hex);
	(void)snprintf(ret->text, sizeof(ret->text), "sha256:%s  %.300s", hex, f->path);
}

static void
version_title(const struct view *v, struct buf *ret)
{
	const struct version *s = v->state;

	if (v->below && streq(v->below->ops->name, "model"))
		buf_addf(ret, "v%llu", (unsigned long long)s->row.number);
	else
		buf_adds(ret, v->arg);
}

static void
version_close(struct view *v)
{
	struct version *s = v->state;

	version_files_fini(&s->files);
	version_claims_fini(&s->claims);
	sheet_fini(&s->evidence);
	raw_text_fini(&s->raw);
	buf_fini(&s->aliases);
}

static bool
version_can(const struct view *v, enum action act)
{
	const struct version *s = v->state;

	if (s->failed.code != ERR_OK)
		return false;
	if (act == ACT_PROMOTE)
		return s->row.state.life == LIFE_LIVE;
	if (act == ACT_VERIFY)
		return s->row.state.life != LIFE_DELETED;
	if (act == ACT_FOLD)
		return s->tab == TAB_STATEMENTS || s->tab == TAB_EVIDENCE;
	if (act == ACT_NEXT_HIT)
		return s->tab == TAB_RAW && v->filter[0];
	if (act == ACT_DIFF)
		return show_differs(&s->model, s->row.number);
	return act != ACT_ROLLBACK || show_holds_any(&s->model);
}

static const struct hint hints[] = {
	{ ACT_NEXT_TAB, "next tab" }, { ACT_NEXT_HIT, "next hit" },  { ACT_FOLD, "fold" },
	{ ACT_PROMOTE, "promote" },   { ACT_ROLLBACK, "roll back" }, { ACT_VERIFY, "verify" },
	{ ACT_DIFF, "diff" },         { ACT_HISTORY, "history" },    { 0, NULL },
};

const struct view_ops view_version = {
	.name = "version",
	.state_size = sizeof(struct version),
	.reload = version_reload,
	.more = version_more,
	.title = version_title,
	.draw = version_draw,
	.action = version_action,
	.subject = version_subject,
	.close = version_close,
	.can = version_can,
	.why_not = version_why_not,
	.has_filter = true,
	.hints = hints,
};
