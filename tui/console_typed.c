/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines typed behind ":", older ones brought back by the arrows. Those of earlier consoles are read
 * when the first is asked for and written when this one ends. No secret can be among them: none is
 * ever a word of a command.
 */
#include <string.h>

#include "registry/typed.h"
#include "tui/console_private.h"

_Static_assert(TYPED_LINE_SIZE >= LINE_SIZE, "what is typed fits");

static void
line_add(struct console_typed *t, struct str line)
{
	if (line.n == 0 || line.n >= LINE_SIZE ||
	    (t->lines.n > 0 && str_is(line, t->lines.v[t->lines.n - 1])))
		return;
	if (t->lines.n == TYPED_LINES_MAX) {
		free(t->lines.v[0]);
		memmove(t->lines.v, t->lines.v + 1, (TYPED_LINES_MAX - 1) * sizeof(char *));
		t->lines.n--;
		t->kept -= t->kept > 0;
	}
	vec_push(&t->lines, xstrndup(line.p, line.n));
}

static void
lines_read(struct console_typed *t)
{
	cleanup_buf struct buf text = { 0 };

	typed_look(&text);
	for (struct str rest = buf_str(&text); rest.n > 0;) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		const size_t n = lf ? (size_t)(lf - rest.p) : rest.n;
		line_add(t, (struct str){ rest.p, n });
		rest = (struct str){ rest.p + n + (lf != NULL), rest.n - n - (lf != NULL) };
	}
}

/* Those of earlier consoles, before those of this one. */
static void
older_read(struct console_typed *t)
{
	struct console_typed all = { 0 };

	t->is_read = true;
	lines_read(&all);
	all.kept = all.lines.n;
	vec_foreach(line, &t->lines)
		line_add(&all, str_of(*line));
	t->at = all.lines.n - (t->lines.n - t->at);
	vec_foreach(line, &t->lines)
		free(*line);
	vec_fini(&t->lines);
	t->lines.v = all.lines.v;
	t->lines.n = all.lines.n;
	t->lines.cap = all.lines.cap;
	t->kept = all.kept;
}

void
command_recall(struct console *c, bool up)
{
	struct console_typed *t = &c->typed;

	if (!t->is_read)
		older_read(t);
	if (up ? t->at == 0 : t->at >= t->lines.n)
		return;
	t->at = up ? t->at - 1 : t->at + 1;
	line_set(&c->prompt.line, t->at < t->lines.n ? t->lines.v[t->at] : "");
}

void
command_remember(struct console *c)
{
	line_add(&c->typed, str_of(c->prompt.line.text));
}

/* Behind what other consoles have written meanwhile. */
static void
lines_save(const struct console_typed *t)
{
	cleanup_buf struct buf text = { 0 };
	struct console_typed all = { 0 };

	if (t->kept == t->lines.n)
		return;
	lines_read(&all);
	for (size_t i = t->kept; i < t->lines.n; i++)
		line_add(&all, str_of(t->lines.v[i]));
	vec_foreach(line, &all.lines) {
		buf_addf(&text, "%s\n", *line);
		free(*line);
	}
	vec_fini(&all.lines);
	typed_save(buf_str(&text));
}

void
command_fini(struct console *c)
{
	lines_save(&c->typed);
	vec_foreach(line, &c->typed.lines)
		free(*line);
	vec_fini(&c->typed.lines);
}
