/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of the log, whole: its place and leaf, who and what in words, what its statement
 * claims, and the line as it stands in the log. arg is its sequence. Verifies no signature.
 */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/history.h"
#include "registry/statement.h"
#include "tui/view/about.h"
#include "tui/view/audit_rows.h"
#include "tui/view/sheet.h"
#include "tui/view/show.h"
#include "tui/view/version_claims.h"
#include "tui/view/views.h"

#define OPENS 1u /* tag of the row that Enter follows */

struct entry_screen {
	struct sheet sheet;
	struct audit_row row;
	struct about about;
	char leaf[80];
	bool has_row;
	struct err failed;
};

static void
text_add(struct sheet *s, struct str text)
{
	struct lines l = { 0 };

	lines_add_text(&l, INK_TEXT, text);
	vec_foreach(r, &l.rows)
		sheet_add(s, INK_TEXT, 0, "%s", r->text);
	lines_fini(&l);
}

static void
json_add(struct sheet *s, const json_t *j)
{
	cleanup_buf struct buf text = { 0 };

	json_pretty(j, &text);
	text_add(s, buf_str(&text));
}

static void
statement_add(struct view *v, const struct entry *n)
{
	struct entry_screen *s = v->state;
	cleanup_buf struct buf envelope = { 0 };
	struct statement st = { 0 };
	struct err e = { 0 };

	if (!n->statement) {
		sheet_head(&s->sheet, false,
		           "statement  none: entries of this type carry no authority");
		return;
	}
	sheet_head(&s->sheet, false, "what its statement claims  not checked on this page");
	if (history_envelope(v->app->registry, n, &envelope, &e) < 0 ||
	    statement_peek(buf_str(&envelope), &st, &e) < 0) {
		sheet_add(&s->sheet, INK_BAD, 0, "%s", e.msg);
		return;
	}
	sheet_add(&s->sheet, INK_TEXT, 0, "kind         %s", st.kind);
	sheet_add(&s->sheet, INK_TEXT, 0, "key          %s", st.key_id[0] ? st.key_id : "-");
	json_add(&s->sheet, st.predicate);
	statement_fini(&st);
}

static void
facts_add(struct entry_screen *s, const struct entry *n)
{
	char hex[DIGEST_HEX_SIZE], when[CLOCK_TEXT_SIZE], ago[24];
	struct sheet *const p = &s->sheet;

	digest_hex(&n->leaf, hex);
	(void)snprintf(s->leaf, sizeof(s->leaf), "sha256:%s", hex);
	clock_text(when, n->time_s);
	show_ago(ago, n->time_s);
	sheet_add(p, s->row.is_glass ? INK_BAD : INK_HEAD, 0, "%s", s->row.what);
	sheet_add(p, INK_TEXT, 0, "who          %s", s->row.who);
	sheet_add(p, INK_TEXT, 0, "time         %s, %s, by its writer's clock", when, ago);
	sheet_add(p, INK_TEXT, 0, "sequence     %llu", (unsigned long long)n->seq);
	sheet_add(p, INK_TEXT, 0, "leaf sha256  %s", hex); /* whole in 80 columns */
	sheet_add(p, INK_TEXT, 0, "type         %s, %s", n->type,
	          n->statement ? "signed" : "a record");
	if (s->about.view[0])
		sheet_add(p, INK_KEY, OPENS, "about        %s (Enter opens it)", s->about.text);
	else
		sheet_add(p, INK_DIM, 0, "about        no model, plan or job");
}

static int
entry_read(struct view *v, struct err *e)
{
	struct entry_screen *s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct policy p = { 0 };
	struct err unnamed = { 0 };
	struct entry n;
	uint64_t seq;
	int rc;

	if (parse_u64(v->arg, UINT64_MAX, &seq) < 0)
		return err_set(e, ERR_USAGE, "\"%s\" is no number of an entry", v->arg);
	rc = view_read(v, &t, e);
	if (rc == 0)
		rc = history_entry(v->app->registry, t, seq, &n, e);
	if (rc < 0)
		return rc;
	(void)policy_current(v->app->registry, t, &p, &unnamed);
	audit_row_of(&p, &n, &s->row);
	policy_fini(&p);
	about_entry(&n, &s->about);
	facts_add(s, &n);
	statement_add(v, &n);
	sheet_head(&s->sheet, false, "as it stands in the log");
	json_add(&s->sheet, n.root);
	entry_fini(&n);
	s->has_row = true;
	return 0;
}

/* An entry never changes: read once. */
static int
entry_reload(struct view *v, struct err *e)
{
	struct entry_screen *s = v->state;

	(void)e;
	if (!s->has_row) {
		err_clear(&s->failed);
		sheet_clear(&s->sheet);
		(void)entry_read(v, &s->failed);
		s->sheet.keeps_misses = true;
	}
	sheet_settle(&s->sheet, v->filter);
	return 0;
}

static void
entry_draw(struct view *v, const struct area *a)
{
	struct entry_screen *s = v->state;
	const size_t top = filter_draw(v, a, sheet_hits(&s->sheet), false, "lines");
	const struct area page = area_rows(a, top, a->rows);

	v->page = page.rows;
	if (s->failed.code != ERR_OK)
		show_error(&page, 1, &s->failed);
	else
		sheet_draw(&s->sheet, &page);
}

static enum handled
entry_action(struct view *v, enum action act, struct view_request *ret)
{
	struct entry_screen *s = v->state;
	const struct sheet_row *r = sheet_chosen(&s->sheet);

	if (act == ACT_OPEN && r && r->is_head)
		act = ACT_FOLD;
	if (act == ACT_OPEN && s->about.view[0]) {
		(void)str_copy(ret->view, sizeof(ret->view), s->about.view);
		(void)str_copy(ret->arg, sizeof(ret->arg), s->about.arg);
		return OPEN_VIEW;
	}
	return sheet_act(&s->sheet, act, v->page) ? HANDLED : NOT_HANDLED;
}

static void
entry_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct entry_screen *s = v->state;

	if (act == ACT_OPEN && s->has_row)
		buf_adds(ret, "this entry is about no model, plan or job");
	else if (act == ACT_NEXT_HIT || act == ACT_PREV_HIT)
		buf_adds(ret, v->filter[0] ? "nothing matches these words"
		                           : "/ first: n goes to the next line with these words");
}

static void
entry_title(const struct view *v, struct buf *ret)
{
	buf_addf(ret, "entry %s", v->arg);
}

static void
entry_subject(const struct view *v, struct view_subject *ret)
{
	const struct entry_screen *s = v->state;

	(void)str_copy(ret->model, sizeof(ret->model), s->row.model);
	(void)str_copy(ret->digest, sizeof(ret->digest), s->leaf);
	(void)snprintf(ret->text, sizeof(ret->text), "entry %.20s %.63s %.60s: %.200s", v->arg,
	               s->row.who, s->row.model, s->row.what);
}

static bool
entry_can(const struct view *v, enum action act)
{
	const struct entry_screen *s = v->state;

	if (act == ACT_OPEN)
		return s->about.view[0] != '\0';
	return s->has_row && sheet_can(&s->sheet, act);
}

static void
entry_close(struct view *v)
{
	struct entry_screen *s = v->state;

	sheet_fini(&s->sheet);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "what it is about" },
	{ ACT_FOLD, "fold" },
	{ ACT_NEXT_HIT, "next hit" },
	{ 0, NULL },
};

const struct view_ops view_entry = {
	.name = "entry",
	.state_size = sizeof(struct entry_screen),
	.reload = entry_reload,
	.title = entry_title,
	.draw = entry_draw,
	.action = entry_action,
	.subject = entry_subject,
	.close = entry_close,
	.can = entry_can,
	.why_not = entry_why_not,
	.has_filter = true,
	.hints = hints,
};
