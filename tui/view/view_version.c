/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One version in three tabs: what it is, its files, what was signed about it. Nothing is verified
 * here and nothing says so: statements are shown as claims, "verify" is a child process.
 */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/history.h"
#include "registry/manifest.h"
#include "registry/ref.h"
#include "registry/statement.h"
#include "tui/view/lines.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define ENTRIES_MAX 2000u /* of the model's story that are searched for statements */
#define TABS        3u

struct version {
	unsigned tab;
	struct version_row row;
	struct model_row model;
	struct manifest files;
	bool has_files;
	struct err failed, files_failed;
	struct lines claims; /* the statements tab */
	size_t claims_n, searched;
	struct list list; /* of files */
};

/* An entry's envelope: inline, or in a blob. */
static int
envelope_read(const struct view *v, const struct entry *n, struct buf *ret, struct err *e)
{
	struct digest d;

	if (json_is_object(n->statement)) {
		json_canonical(n->statement, ret);
		return 0;
	}
	const char *text = json_string_value(n->statement);
	if (!text || !has_prefix(text, "sha256:") ||
	    digest_parse(&d, text + 7, strlen(text + 7)) < 0)
		return err_set(e, ERR_MALFORMED, "entry %llu names no statement",
		               (unsigned long long)n->seq);
	return blob_read(v->app->registry->blobs, &d, STATEMENT_MAX, ret, e);
}

static int
claim_keep(void *arg, const struct entry *n)
{
	struct view *v = arg;
	struct version *s = v->state;
	cleanup_buf struct buf envelope = { 0 };
	struct statement st = { 0 };
	struct err e = { 0 };

	if (s->searched++ >= ENTRIES_MAX)
		return 1;
	if (!n->statement || envelope_read(v, n, &envelope, &e) < 0)
		return 0;
	if (statement_peek(buf_str(&envelope), &st, &e) < 0)
		return 0;
	if (digest_eq(&st.subject, &s->row.digest)) {
		char ago[24];
		show_ago(ago, n->time_s);
		lines_add(&s->claims, INK_HEAD, "%s, log entry %llu, %s", st.kind,
		          (unsigned long long)n->seq, ago);
		lines_add(&s->claims, INK_TEXT, "claims key       %s",
		          st.key_id[0] ? st.key_id : "-");
		lines_add_json(&s->claims, st.predicate);
		lines_add(&s->claims, INK_TEXT, "%s", "");
		s->claims_n++;
	}
	statement_fini(&st);
	return 0;
}

static void
files_read(struct view *v)
{
	struct version *s = v->state;
	cleanup_buf struct buf text = { 0 };

	if (s->has_files)
		return; /* a version never changes */
	err_clear(&s->files_failed);
	if (blob_read(v->app->registry->blobs, &s->row.digest, MANIFEST_MAX, &text,
	              &s->files_failed) < 0)
		return;
	if (manifest_parse(buf_str(&text), &s->files, &s->files_failed) < 0)
		return;
	s->has_files = true;
}

static int
version_read(struct view *v, struct err *e)
{
	struct version *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	rc = ref_find(t, v->arg, &s->row, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, s->row.model, &s->model, e);
	if (rc < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", s->row.model);
	s->searched = 0;
	rc = history_each(v->app->registry, t, s->row.model, claim_keep, v, e);
	return rc < 0 ? rc : 0;
}

static int
version_reload(struct view *v, struct err *e)
{
	struct version *s = v->state;

	(void)e;
	const size_t top = s->claims.top;
	lines_clear(&s->claims);
	s->claims_n = 0;
	err_clear(&s->failed);
	if (version_read(v, &s->failed) == 0)
		files_read(v);
	s->claims.top = top;
	s->list.n = s->files.n;
	return 0;
}

static void
labels_draw(const struct area *a, size_t row, const char *labels)
{
	while (*labels && row < a->rows) {
		const size_t n = strcspn(labels, "\n");
		cleanup_free char *one = xstrndup(labels, n);
		row = show_field(a, row, "label", INK_FOREIGN, one);
		labels += n + (labels[n] == '\n');
	}
}

static void
overview_draw(struct view *v, const struct area *a)
{
	const struct version *s = v->state;
	cleanup_buf struct buf held = { 0 };
	char text[160], hex[65], size[16], ago[24];
	size_t row = 0;

	(void)snprintf(text, sizeof(text), "v%llu", (unsigned long long)s->row.number);
	row = show_field(a, row, "version", INK_HEAD, text);
	digest_hex(&s->row.digest, hex);
	row = show_field(a, row, "sha256", INK_TEXT, hex);
	show_size(size, s->row.bytes);
	(void)snprintf(text, sizeof(text), "%s in %llu file%s", size,
	               (unsigned long long)s->row.files, s->row.files == 1 ? "" : "s");
	row = show_field(a, row, "size", INK_TEXT, text);
	row = show_field(a, row, "state", s->row.state.life == LIFE_LIVE ? INK_OK : INK_BAD,
	                 lifecycle_name(s->row.state.life));
	clock_text(text, s->row.time_s);
	show_ago(ago, s->row.time_s);
	(void)snprintf(text + strlen(text), 32, ", %s", ago);
	row = show_field(a, row, "added", INK_TEXT, text);
	(void)snprintf(text, sizeof(text), "%s", s->row.is_signed ? s->row.signer : "UNSIGNED");
	row = show_field(a, row, "signed by", s->row.is_signed ? INK_OK : INK_BAD, text);
	if (s->row.is_signed)
		row = show_field(a, row, "key", INK_TEXT, s->row.key_id);
	row = show_field(a, row, "verified", INK_DIM,
	                 "not checked on this page: v runs slipway verify");
	show_stages_of(&s->model, s->row.number, &held);
	row = show_field(a, row, "stages", held.n ? INK_PRODUCTION : INK_DIM,
	                 held.n ? buf_cstr(&held) : "none");
	labels_draw(a, row, s->row.labels);
}

static void
files_draw(struct view *v, const struct area *a)
{
	struct version *s = v->state;
	struct list *l = &s->list;
	char text[65];

	if (!s->has_files) {
		show_error(a, 1, &s->files_failed);
		return;
	}
	const bool wide = a->cols >= 60;
	const size_t digest = a->cols >= 140 ? 66 : wide ? 18 : 0, kind = wide ? 15 : 0;
	const size_t path = a->cols > 3 + 7 + kind + digest ? a->cols - 3 - 7 - kind - digest : 8;
	paint_text(a, 0, 3, INK_DIM, "FILE");
	paint_right(a, 0, 3 + path + 5, 5, INK_DIM, "SIZE");
	if (wide)
		paint_text(a, 0, 3 + path + 7, INK_DIM, "KIND");
	if (wide)
		paint_text(a, 0, 3 + path + 7 + kind, INK_DIM, "SHA-256");
	const struct area list = area_rows(a, 1, a->rows);
	v->page = list.rows;
	list_fit(l, v->page);
	for (size_t i = 0; i < list.rows && l->top + i < l->n; i++) {
		const struct manifest_file *f = &s->files.files[l->top + i];
		(void)paint_fit(&list, i, 3, path - 1, INK_FOREIGN, TEXT_CUT_MIDDLE, f->path);
		show_size(text, f->size);
		paint_right(&list, i, 3 + path + 5, 5, INK_TEXT, text);
		if (wide)
			(void)paint_fit(&list, i, 3 + path + 7, kind - 1, INK_DIM, TEXT_CUT_END,
			                f->kind);
		digest_hex(&f->digest, text);
		if (wide)
			(void)paint_fit(&list, i, 3 + path + 7 + kind, digest - 1, INK_TEXT,
			                TEXT_CUT_MIDDLE, text);
		list_mark(&list, i, l->top + i == l->cursor);
	}
}

static void
statements_draw(struct view *v, const struct area *a)
{
	struct version *s = v->state;

	paint_fit(a, 0, 1, a->cols - 1, INK_DIM, TEXT_CUT_END,
	          "what was signed about these bytes; shown as claims, not checked on this page");
	if (s->claims_n == 0) {
		paint_text(a, 2, 1, INK_BAD, "UNSIGNED: no statement names this version");
		return;
	}
	const struct area page = area_rows(a, 2, a->rows);
	v->page = page.rows;
	if (page.rows > 0)
		lines_draw(&s->claims, &page);
}

static void
version_draw(struct view *v, const struct area *a)
{
	static const char *const tabs[TABS] = { "1 overview", "2 files", "3 statements" };
	static void (*const draw[TABS])(struct view *, const struct area *) = { overview_draw,
		                                                                files_draw,
		                                                                statements_draw };
	const struct version *s = v->state;
	size_t c = 1;

	if (s->failed.code != ERR_OK) {
		show_error(a, 1, &s->failed);
		return;
	}
	for (unsigned i = 0; i < TABS; i++)
		c = paintf(a, 0, c, i == s->tab ? INK_HEAD : INK_DIM, i == s->tab ? "[%s]" : " %s ",
		           tabs[i]) +
		    1;
	const struct area page = area_rows(a, a->rows >= 10 ? 2 : 1, a->rows);
	if (page.rows > 0)
		draw[s->tab](v, &page);
}

static enum handled
version_action(struct view *v, enum action act, struct view_request *ret)
{
	struct version *s = v->state;

	if (act >= ACT_TAB_1 && act < ACT_TAB_1 + TABS) {
		s->tab = act - ACT_TAB_1;
		return HANDLED;
	}
	if (act == ACT_NEXT_TAB) {
		s->tab = (s->tab + 1) % TABS;
		return HANDLED;
	}
	if (s->tab == 2 ? lines_move(&s->claims, act, v->page) : list_move(&s->list, act, v->page))
		return HANDLED;
	if (act == ACT_VERIFY) {
		words_of(&ret->argv, "verify", v->arg, "-o", "json");
		ret->reads = true;
		return RUN_ARGV;
	}
	if (act == ACT_HISTORY && s->row.model[0]) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), s->row.model);
		return OPEN_VIEW;
	}
	if (act == ACT_PROMOTE || act == ACT_ROLLBACK) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		if (act == ACT_PROMOTE)
			(void)snprintf(ret->arg, sizeof(ret->arg), "promote %.580s", v->arg);
		else
			(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %s", s->row.model);
		return OPEN_VIEW;
	}
	return NOT_HANDLED;
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

	lines_fini(&s->claims);
	manifest_fini(&s->files);
}

static bool
version_can(const struct view *v, enum action act)
{
	const struct version *s = v->state;

	if (s->failed.code != ERR_OK)
		return false;
	if (act == ACT_PROMOTE || act == ACT_VERIFY)
		return s->row.state.life == LIFE_LIVE;
	return act != ACT_ROLLBACK || show_holds_any(&s->model);
}

static const struct hint hints[] = {
	{ ACT_NEXT_TAB, "next tab" }, { ACT_PROMOTE, "promote" }, { ACT_ROLLBACK, "roll back" },
	{ ACT_VERIFY, "verify" },     { ACT_HISTORY, "history" }, { 0, NULL },
};

const struct view_ops view_version = {
	.name = "version",
	.state_size = sizeof(struct version),
	.reload = version_reload,
	.title = version_title,
	.draw = version_draw,
	.action = version_action,
	.close = version_close,
	.can = version_can,
	.hints = hints,
};
