/* SPDX-License-Identifier: Apache-2.0 */
/* What a file's state says is what this person's last verify of the whole version found. */
#include "tui/view/version_files.h"

#include <stdio.h>
#include <string.h>

#include "tui/view/show.h"

#define WIDE_COLS 60u

void
version_files_fini(struct version_files *s)
{
	manifest_fini(&s->files);
	buf_fini(&s->text);
	vec_fini(&s->found);
}

void
version_files_read(struct version_files *s, const struct view *v, const struct version_row *row)
{
	if (s->is_read && s->failed.code == ERR_OK)
		return;
	s->is_read = true;
	err_clear(&s->failed);
	buf_clear(&s->text);
	if (blob_read(v->app->registry->blobs, &row->digest, MANIFEST_MAX, &s->text, &s->failed) <
	    0)
		return;
	s->has_files = manifest_parse(buf_str(&s->text), &s->files, &s->failed) == 0;
	s->list.n = s->files.n;
}

void
version_files_filter(struct version_files *s, const char *words)
{
	struct filter f;

	if (streq(s->filter, words))
		return;
	(void)str_copy(s->filter, sizeof(s->filter), words);
	filter_compile(&f, words);
	s->found.n = 0;
	for (size_t i = 0; words[0] && i < s->files.n; i++) {
		const char *const texts[] = { s->files.files[i].path, s->files.files[i].kind,
			                      NULL };
		const struct filter_row row = { .texts = texts };
		if (filter_row_match(&f, &row))
			vec_push(&s->found, (uint32_t)i);
	}
	s->list = (struct list){ .n = words[0] ? s->found.n : s->files.n };
}

static const struct manifest_file *
file_at(const struct version_files *s, size_t i)
{
	if (i >= s->list.n)
		return NULL;
	return &s->files.files[s->filter[0] ? s->found.v[i] : i];
}

const struct manifest_file *
version_files_chosen(const struct version_files *s)
{
	return file_at(s, s->list.cursor);
}

enum ink
checked_text(const struct checked *c, struct buf *ret)
{
	char ago[24];

	if (c->time_s == 0) {
		buf_adds(ret, "not checked: v verifies signature and bytes");
		return INK_WAIT;
	}
	show_ago(ago, c->time_s);
	if (!c->is_good) {
		buf_addf(ret, "FAILED %s: %s", ago, c->why);
		return INK_BAD;
	}
	buf_addf(ret, "ok %s, by your verify", ago);
	return INK_OK;
}

/* The one that verify named; the others were perhaps not looked at. */
static enum ink
file_state(const struct manifest_file *f, const struct checked *c, char ret[24])
{
	cleanup_free char *named = xasprintf("file \"%s\"", f->path);

	if (c->time_s > 0 && c->is_good) {
		char age[16];
		show_age(age, c->time_s);
		(void)snprintf(ret, 24, "ok %s", age);
		return INK_OK;
	}
	(void)str_copy(ret, 24, "not checked");
	if (c->time_s == 0 || !strstr(c->why, named))
		return INK_DIM;
	(void)str_copy(ret, 24, "FAILED");
	return INK_BAD;
}

struct widths {
	size_t path, kind, digest, state;
};

static struct widths
widths_of(size_t cols)
{
	struct widths w = { .state = cols >= WIDE_COLS ? 12 : 0,
		            .kind = cols >= 76 ? 15 : 0,
		            .digest = cols >= 150  ? 66
		                      : cols >= 76 ? 14
		                                   : 0 };
	const size_t rest = 3 + 7 + w.kind + w.digest + w.state;

	w.path = cols > rest + 8 ? cols - rest : 8;
	return w;
}

static void
head_draw(const struct area *a, const struct widths *w)
{
	size_t c = 3 + w->path + 7;

	paint_text(a, 0, 3, INK_DIM, "FILE");
	paint_right(a, 0, 3 + w->path + 5, 5, INK_DIM, "SIZE");
	if (w->state > 0)
		c = paint_fit(a, 0, c, w->state, INK_DIM, TEXT_CUT_END, "BYTES");
	if (w->kind > 0)
		c = paint_fit(a, 0, c, w->kind, INK_DIM, TEXT_CUT_END, "KIND");
	if (w->digest > 0)
		(void)paint_fit(a, 0, c, w->digest, INK_DIM, TEXT_CUT_END, "SHA-256");
}

static void
row_draw(const struct area *a, size_t row, const struct widths *w, const struct manifest_file *f,
         const struct checked *checked)
{
	char text[DIGEST_HEX_SIZE], state[24];
	size_t c = 3 + w->path + 7;

	(void)paint_fit(a, row, 3, w->path - 1, INK_FOREIGN, TEXT_CUT_MIDDLE, f->path);
	show_size(text, f->size);
	paint_right(a, row, 3 + w->path + 5, 5, INK_TEXT, text);
	const enum ink ink = file_state(f, checked, state);
	if (w->state > 0)
		c = paint_fit(a, row, c, w->state, ink, TEXT_CUT_END, state);
	if (w->kind > 0)
		c = paint_fit(a, row, c, w->kind, INK_DIM, TEXT_CUT_END, f->kind);
	digest_hex(&f->digest, text);
	if (w->digest > 0)
		(void)paint_fit(a, row, c, w->digest, INK_TEXT, TEXT_CUT_MIDDLE, text);
}

void
version_files_draw(struct version_files *s, struct view *v, const struct area *a,
                   const struct checked *c)
{
	cleanup_buf struct buf state = { 0 };
	const struct widths w = widths_of(a->cols);

	if (!s->has_files) {
		show_error(a, 1, &s->failed);
		return;
	}
	const enum ink ink = checked_text(c, &state);
	(void)paint_fit(a, 0, 1, a->cols - 1, ink, TEXT_CUT_END, buf_cstr(&state));
	const struct area head = area_rows(a, 1, 1), list = area_rows(a, 2, a->rows);
	head_draw(&head, &w);
	v->page = list.rows;
	list_fit(&s->list, v->page);
	if (s->list.n == 0)
		paint_prose(&list, 0, 1, INK_TEXT,
		            s->filter[0] ? "no file matches these words; / then Esc clears them"
		                         : "this version has no file");
	for (size_t i = 0; i < list.rows && s->list.top + i < s->list.n; i++) {
		row_draw(&list, i, &w, file_at(s, s->list.top + i), c);
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
}
