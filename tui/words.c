/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines as words. What is shown can be pasted into a shell and means the same there. */
#include "tui/words.h"

#include <string.h>

void
words_add(struct words *w, const char *s)
{
	w->v = vec_grow_(w->v, &w->cap, w->n + 2, sizeof(*w->v));
	w->v[w->n++] = xstrdup(s);
	w->v[w->n] = NULL;
}

void
words_add_all(struct words *w, const char *const *list)
{
	for (; *list; list++)
		words_add(w, *list);
}

void
words_fini(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	*w = (struct words){ 0 };
}

static bool
is_plain(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                            "@%+=:,./_-";

	return s[0] && s[strspn(s, plain)] == '\0';
}

void
words_show(const struct words *w, struct buf *ret)
{
	buf_adds(ret, "slipway");
	for (size_t i = 0; i < w->n; i++) {
		buf_addc(ret, ' ');
		if (is_plain(w->v[i])) {
			buf_adds(ret, w->v[i]);
			continue;
		}
		buf_addc(ret, '\'');
		for (const char *p = w->v[i]; *p; p++) {
			if (*p == '\'')
				buf_adds(ret, "'\\'");
			buf_addc(ret, *p);
		}
		buf_addc(ret, '\'');
	}
}

int
words_parse(struct words *ret, const char *line, struct err *e)
{
	cleanup_buf struct buf word = { 0 };
	bool in_word = false;
	char quote = 0;

	for (const char *p = line; *p; p++) {
		if (quote == 0 && (*p == ' ' || *p == '\t')) {
			if (in_word)
				words_add(ret, buf_cstr(&word));
			buf_clear(&word);
			in_word = false;
		} else if (quote == 0 && (*p == '\'' || *p == '"')) {
			quote = *p;
			in_word = true;
		} else if (quote != 0 && *p == quote) {
			quote = 0;
		} else {
			if (*p == '\\' && quote != '\'' && p[1])
				p++;
			buf_addc(&word, *p);
			in_word = true;
		}
	}
	if (quote)
		return err_set(e, ERR_USAGE, "the quote %c never ends", quote);
	if (in_word)
		words_add(ret, buf_cstr(&word));
	return 0;
}
